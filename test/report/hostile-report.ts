import {CATALOGUE, finding, type FindingId, type Subject} from '../../src/finding/finding.ts'
import type {CheckedFinding, CheckReport, NotCounted, RoomCheck} from '../../src/investigate/check-report.ts'

/** What an event, or a file's name, could hold to become more than text in a report. */
export const HOSTILE = [
  'line\nfeed\r\n::error::injected',
  '::error file=x,line=1::injected',
  '##[error]injected',
  'a|b \\| c `code` ``two`` \\`',
  'one ` and ``two` ticks <b>',
  '"double" \'single\' &amp; & <script>alert(1)</script>',
  ']]> <![CDATA[ x ]]> <!-- c --> <?pi?>',
  '\u0000\u0007\u001b[31mred\u001b[0m\u0085\u009b2J',
  '\u202eright to left\u202c \u2066x\u2069 \u200bzero \ufeff',
  'lone \ud800 and \udfff surrogates \ufffe \uffff',
  '%0A%0D%25::notice::injected %3A %2C',
  '[click](https://evil.example/) ![i](https://evil.example/i.png) https://evil.example www.evil.example',
  '@alice:example.org @octocat #123 GH-1 :smile: $x^2$ $$y$$ user@mail.example',
  '{0} {{1}} {',
  '# heading',
  '- item\n\n> quote\n\n---',
  '*bold* _em_ ~~gone~~ __b__ **b**',
  '| --- | --- |',
  '\u2028line\u2029para\u000bvt\u000cff',
  '  leading and trailing  ',
  '\t',
  '',
  'é ü 漢字 \u{1f600} a\u0301',
  'x'.repeat(5000),
] as const

/** A finding that says the text wherever it can say anything. */
export function saying(text: string, id: FindingId = 'state/reset', notCounted: NotCounted = null): CheckedFinding {
  const found = finding(
    id,
    {kind: 'slot', type: text, state_key: text},
    text,
    [{source: text, where: text, value: text}],
    {cause: text, remedy: text},
  )
  return {...found, notCounted}
}

export function room(more: Partial<RoomCheck> = {}): RoomCheck {
  return {
    room: '!id:example.org',
    roomId: '!id:example.org',
    roomVersion: '10',
    name: null,
    verdict: 'clean',
    findings: [],
    open: [],
    error: null,
    events: 12,
    requests: 3,
    seconds: 0.25,
    ...more,
  }
}

export function report(rooms: readonly RoomCheck[], more: Partial<CheckReport> = {}): CheckReport {
  return {
    rooms,
    failOn: 'error',
    baseline: null,
    shard: null,
    resumed: 0,
    startedTs: Date.UTC(2026, 10, 21, 12, 0, 0, 5),
    endedTs: Date.UTC(2026, 10, 21, 12, 0, 9),
    notes: [],
    ...more,
  }
}

/** Every hostile text in every place, in rooms of every verdict; then every kind of finding. */
export const HOSTILE_REPORT: CheckReport = report(
  [
    ...HOSTILE.flatMap((text) => [
      room({
        room: text,
        roomId: text,
        roomVersion: text,
        name: text,
        verdict: 'findings',
        findings: [
          saying(text),
          saying(text),
          saying(text, 'server/many-extremities'),
          saying(text, 'dag/many-tips', {why: 'known', reason: text}),
          saying(text, 'dag/cycle', {why: 'ignored'}),
        ],
      }),
      room({room: `./rooms/${text}`, name: text, verdict: 'inconclusive', open: [text, text]}),
      room({room: text, roomId: null, verdict: 'failed', error: {code: 'INPUT_NOT_FOUND', message: text, hint: text}}),
    ]),
    room({
      verdict: 'findings',
      findings: Object.keys(CATALOGUE).map((id) => saying('said', id as FindingId)),
    }),
    room(),
    room({verdict: 'findings', findings: ofAllSubjects('said', '!id:example.org')}),
  ],
  {
    notes: HOSTILE,
    baseline: {
      path: 'known.json',
      gone: HOSTILE.map((text) => ({roomId: text, id: text, subject: text, reason: text})),
    },
  },
)

/** Findings about everything that a finding can be about, of the room itself and of another one. */
export function ofAllSubjects(text: string, roomId: string): readonly CheckedFinding[] {
  const subjects: readonly Subject[] = [
    {kind: 'slot', type: text, state_key: text},
    {kind: 'slot', type: text, state_key: '', event_id: text},
    {kind: 'event', event_id: text},
    {kind: 'room', room_id: roomId},
    {kind: 'room', room_id: text},
    {kind: 'server', server: text},
    {kind: 'user', user_id: text},
    {kind: 'device', user_id: text, device_id: text},
    {kind: 'session', session_id: text, sender: text},
    {kind: 'account', user_id: text},
  ]
  return subjects.map((subject) => ({...saying(text), subject}))
}

/** What no form of a report may have in it as it is: it turns the writing, moves a cursor, or hides. */
export const DANGEROUS =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Surrogate}/u
