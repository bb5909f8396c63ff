import {ALICE, message, publicRoom, type Room, topic} from '../../rules/build.ts'

/** What a name may hold to break out of some format, or to fool whoever looks. */
export const HOSTILE: readonly string[] = [
  'a"b',
  'ends with a backslash\\',
  'backslashes \\n \\l \\N \\"',
  '<script>alert(1)</script>',
  '</svg><img src=x onerror=alert(1)>',
  '&lt;b&gt; &amp; &#60; &unknown;',
  ']]> --> <!-- <![CDATA[',
  'a | b | c; d, e {f} [g] (h)',
  '"]; n0 -> n1; n9["x',
  '%%{init: {"theme": "dark"}}%%',
  '`code` **bold** $$x^2$$ #quot; #35;',
  'two\nlines\r\nand\ttabs',
  'no characters \ufffe \uffff',
  'null\u0000bell\u0007escape\u001b[31m',
  'right to left \u202e gnp.exe \u2066x',
  'end',
  'click n0 callback',
  'العربية עברית 日本語 🏳️‍🌈',
  '__proto__',
  'constructor',
  '   ',
]

/** A room in which they are state keys, and types of messages. */
export function hostileRoom(): Room {
  const room = publicRoom('10')
  for (const [at, text] of HOSTILE.entries()) {
    room.add(`key${String(at)}`, topic(ALICE, text)).add(`type${String(at)}`, {...message(), type: `x.${text}`})
  }
  return room.add('long', topic(ALICE, 'long '.repeat(2000))).add('last', message())
}
