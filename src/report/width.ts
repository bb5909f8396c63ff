/** Characters that take two columns of a terminal (East Asian wide and full width, emoji). */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/gu
/** Characters that take none. */
const NARROW = /[\p{Mn}\p{Me}\p{Cf}]/gu
const PLAIN = /^[\u0020-\u007e]*$/

/** Columns of a terminal that the text takes; it must hold no escape sequences. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  const [narrow, wide] = [text.match(NARROW)?.length ?? 0, text.match(WIDE)?.length ?? 0]
  return Array.from(text).length - narrow + wide
}

/** The text, or as much of it as leaves room for `…`. */
export function clip(text: string, columns: number): string {
  if (text.length <= columns && PLAIN.test(text)) return text
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 1
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns) break
    kept += character
  }
  return columns < 1 ? '' : `${kept}…`
}

/**
 * Breaks a line at spaces so that it fits the terminal; words longer than that are left to the terminal.
 *
 * @param text - may hold escape sequences for colours, which take no columns
 * @param indent - columns before what is carried over
 * @param columns - `undefined`: nothing is broken
 */
export function wrap(text: string, indent: number, columns: number | undefined): string {
  if (columns === undefined || widthOnScreen(text) <= columns) return text
  const [, margin = '', rest = ''] = /^( *)([^]*)$/.exec(text) ?? []
  const lines: string[] = []
  let line = margin
  let width = margin.length
  for (const word of rest.split(' ')) {
    const wide = widthOnScreen(word)
    if (line.trim() !== '' && width + 1 + wide > columns) {
      lines.push(line)
      line = ' '.repeat(indent) + word
      width = indent + wide
    } else {
      const gap = line.trim() === '' ? 0 : 1
      line += ' '.repeat(gap) + word
      width += gap + wide
    }
  }
  return [...lines, line].join('\n')
}

const COLOURS = /\u001b\[[\d;]*m/g

function widthOnScreen(text: string): number {
  return displayWidth(text.replace(COLOURS, ''))
}
