/** The file itself: what its policy lets run is what is in it, and nothing in it can end an element. */
import {createHash} from 'node:crypto'
import {describe, expect, test} from 'vitest'
import {PAGE_MARK, pageHtml} from '../../../src/report/explorer/page-html.ts'

const PROGRAM = {script: 'document.title = "é < & >"', style: 'body > div { color: "\\201c" }'}
const DATA = Buffer.from('<script></script>-->'.repeat(9)).toString('base64')

/** The texts of all elements of a kind, as the HTML standard finds their ends. */
const textsOf = (html: string, name: string): readonly string[] =>
  [...html.matchAll(new RegExp(`<${name}\\b[^>]*>(.*?)</${name}[\\s/>]`, 'gis'))].map(([, text]) => text ?? '')
const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const policyOf = (html: string): ReadonlyMap<string, string> => {
  const [, policy = ''] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html) ?? []
  return new Map(policy.split('; ').map((directive) => [directive.split(' ')[0] ?? '', directive.replace(/^\S+ /, '')]))
}

describe('the page', () => {
  const html = pageHtml('A room', PROGRAM, DATA)

  test('lets exactly its own script and style sheet run, and no request leave', () => {
    const [data, script, ...others] = textsOf(html, 'script')
    expect(others).toEqual([])
    expect([data, script]).toEqual([DATA, PROGRAM.script])
    expect(textsOf(html, 'style')).toEqual([PROGRAM.style])
    expect(Object.fromEntries(policyOf(html))).toEqual({
      'default-src': "'none'",
      'script-src': sha256(PROGRAM.script),
      'style-src': sha256(PROGRAM.style),
      'img-src': 'data:',
      'base-uri': "'none'",
      'form-action': "'none'",
    })
    expect(html).not.toMatch(/https?:|\bsrc=|\bhref=|\bstyle=|\bon[a-z]+=/)
  })

  test('its policy stands before anything that it is about', () => {
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style'))
    expect(html.startsWith(PAGE_MARK)).toBe(true)
    expect(html.indexOf('charset')).toBeLessThan(1024)
  })

  test('a name in its title is a text', () => {
    const name = '</title><script>alert(1)</script>\u202e"\'&amp;'
    const [title] = textsOf(pageHtml(name, PROGRAM, DATA), 'title')
    expect(title).toBe('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}&quot;&#39;&amp;amp;')
    expect([...(textsOf(pageHtml('x'.repeat(10_000), PROGRAM, DATA), 'title')[0] ?? '')]).toHaveLength(120)
  })

  test.each([
    ['a script that ends its element', {...PROGRAM, script: 'a = "</SCRIPT >"'}, DATA],
    ['a script that opens a comment', {...PROGRAM, script: 'a = "<!--<script>"'}, DATA],
    ['a script that is read as another', {...PROGRAM, script: 'a\r\nb'}, DATA],
    ['a style sheet that ends its element', {...PROGRAM, style: '/* </style> */'}, DATA],
    ['data that are not base64', PROGRAM, 'YWJj</script>'],
  ])('%s is refused', (_, program, data) => {
    expect(() => pageHtml('A room', program, data)).toThrow(RangeError)
  })
})
