/** Reports as parsers of their formats read them: libxml2 with the published schemas, and micromark with GitHub's extensions. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {micromark} from 'micromark'
import {gfm, gfmHtml} from 'micromark-extension-gfm'
import {describe, expect, test} from 'vitest'
import {validateXML} from 'xmllint-wasm'
import {checkJunit} from '../../src/report/check-junit.ts'
import {checkMarkdown} from '../../src/report/check-markdown.ts'
import {mdCode, mdLine, mdText} from '../../src/report/markdown-text.ts'
import {printable} from '../../src/report/printable.ts'
import {HOSTILE, HOSTILE_REPORT, report, room} from './hostile-report.ts'
import {textOfMarkup} from './markup-text.ts'

describe('JUnit by libxml2', () => {
  test.each(['junit-ant.xsd', 'junit-10.xsd'])('is valid by %s, whatever the findings say', async (name) => {
    const schema = readFileSync(join(import.meta.dirname, 'data', name), 'utf8')
    const errorsOf = async (contents: string) => {
      const {valid, errors} = await validateXML({xml: [{fileName: 'junit.xml', contents}], schema: [schema]})
      return valid ? [] : errors.map(({message}) => message)
    }
    expect(await errorsOf(checkJunit(HOSTILE_REPORT))).toEqual([])
    expect(await errorsOf(checkJunit(report([])))).toEqual([])
    const strange = room({seconds: NaN, verdict: 'inconclusive'})
    expect(await errorsOf(checkJunit(report([strange], {startedTs: 1e20})))).toEqual([])
    expect(await errorsOf(checkJunit(report([room()])).replace(' name=', ' title='))).not.toEqual([])
    expect(await errorsOf(checkJunit(report([room()])).replace('</testsuites>', ''))).not.toEqual([])
  })
})

describe('Markdown by micromark', () => {
  const html = (text: string): string =>
    micromark(text, {
      allowDangerousHtml: true,
      allowDangerousProtocol: true,
      extensions: [gfm()],
      htmlExtensions: [gfmHtml()],
    })
  test.each(HOSTILE)('%j says the same, and nothing of it is markup', (said) => {
    for (const made of [mdText(said, 6000), mdCode(said, 6000)]) {
      const paragraph = html(`x ${made} y`)
      expect(paragraph).toMatch(/^<p>(?:(?!<(?!\/?code>))[^])*<\/p>$/)
      expect(textOfMarkup(paragraph)).toBe(`x ${printable(said)} y`)
      const table = html(`| a | b |\n| --- | --- |\n| ${made} | end |\n`)
      const cells = [...table.matchAll(/<td>([^]*?)<\/td>/g)].map(([, cell = '']) => cell)
      expect(cells).toHaveLength(2)
      expect(textOfMarkup(cells[0]!).trim()).toBe(printable(said).trim())
      expect(cells[1]).toBe('end')
    }
  })

  test.each([...HOSTILE, '1. one', '2) two', '+ x', '=====', '---', '    code', '```'])(
    '%j begins no block',
    (said) => {
      const list = html(`- a\n  - ${mdLine(said, 6000)}\n`)
      expect(list).toMatch(/^<ul>\n<li>a\n<ul>\n<li>(?:(?!<(?!\/?code>))[^])*<\/li>\n<\/ul>\n<\/li>\n<\/ul>\n$/)
      expect(textOfMarkup(list).trim().slice(1).trim()).toBe(printable(said).trim() || '…')
    },
  )

  test('times and versions are words, names are code', () => {
    expect(mdText('at 18:17:38 (rule v10:4.6.3), by @a:b.example, :+1: :100:')).toBe(
      'at 18:17:38 (rule v10:4.6.3), by `@a:b.example`, `:+1`: `:100`:',
    )
  })

  test('mentions stand in code, where no site looks for them', () => {
    for (const said of HOSTILE) {
      const outside = html(`x ${mdText(said)}`).replace(/<code>[^]*?<\/code>/g, '')
      expect(outside).not.toMatch(/@\w|#\d|:smile:|https?:\/\/|www\.|\$x/)
    }
  })

  test('the whole report has its headings, rows and items, and no other markup', () => {
    const page = html(checkMarkdown(HOSTILE_REPORT))
    const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)([^>]*)>/g)].map(([, name = '', more = '']) => name + more))
    const own = ['h2', 'h3', 'p', 'ul', 'li', 'strong', 'code', 'table', 'thead', 'tbody', 'tr', 'th', 'td']
    expect([...tags].filter((tag) => !own.includes(tag))).toEqual(['th align="right"', 'td align="right"'])
    const [rooms] = page.split('</table>')
    expect(rooms!.match(/<tr>/g)).toHaveLength(HOSTILE_REPORT.rooms.length + 1)
    expect(rooms!.match(/<td>/g)).toHaveLength(HOSTILE_REPORT.rooms.length * 4)
    const told = HOSTILE_REPORT.rooms.filter(({verdict, findings}) => verdict !== 'clean' || findings.length > 0)
    expect(page.match(/<h3>/g)).toHaveLength(told.length + 3)
    expect(page.match(/<h2>.*<\/h2>/g)).toEqual(['<h2>Matrix rooms checked</h2>'])
    const lists = checkMarkdown(HOSTILE_REPORT).match(/^ *- .*$/gm)
    expect(page.match(/<li>/g)).toHaveLength(lists!.length)
  })
})
