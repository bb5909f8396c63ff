import {hash} from 'node:crypto'
import {printable} from '../printable.ts'

/** The program of the page: one classic script and one style sheet. */
export interface PageProgram {
  readonly script: string
  readonly style: string
}

/** How every page begins, so that the program knows its own files again. */
export const PAGE_MARK = '<!doctype html>\n<!-- matrix-state explore -->\n'

/** Seen where the program does not come to run within seconds, which takes these words away: it stands after the data, and is cut off with them. */
const STUCK =
  'This file is damaged: its end is missing, or it was changed, so that its program does not run. Get it again, or make it anew with matrix-state explore.'

/**
 * The page as one HTML file, which loads nothing: its policy forbids all but this one script and this one style sheet.
 *
 * @param data - `PageData` as base64 of gzip of JSON. That alphabet has nothing that could end the element, whatever is in the room.
 * @throws RangeError for a program that would end its own element or be read as another
 * @see https://www.w3.org/TR/CSP3/
 */
export function pageHtml(title: string, {script, style}: PageProgram, data: string): string {
  // A carriage return would be read as a line feed, and the hash would not be that of what is read.
  if (/<\/script|<!--|[\r\0]/i.test(script)) throw new RangeError('the script of the page cannot stand in HTML')
  if (/<\/style|[\r\0]/i.test(style)) throw new RangeError('the style sheet of the page cannot stand in HTML')
  if (!/^[A-Za-z0-9+/]*=*$/.test(data)) throw new RangeError('the data of the page are not base64')
  const policy = [
    "default-src 'none'",
    `script-src '${sha256(script)}'`,
    `style-src '${sha256(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return `${PAGE_MARK}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escaped(printable(title, 120))}</title>
<style>${style}</style>
</head>
<body>
<div id="app">
<noscript>This page draws a Matrix room by a script that it contains. Allow scripts to see it; it asks nothing of any network.</noscript>
<p class="opening">Opening…</p>
<p class="stuck">${STUCK}</p>
</div>
<script type="application/octet-stream" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`
}

function sha256(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`
}

const ENTITIES: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}
