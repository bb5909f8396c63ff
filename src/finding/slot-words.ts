/** What people call a state event of a type. */
const NOUNS: Readonly<Record<string, string>> = {
  'm.room.create': 'the create event',
  'm.room.power_levels': 'the power levels',
  'm.room.join_rules': 'the join rule',
  'm.room.name': 'the room name',
  'm.room.topic': 'the topic',
  'm.room.avatar': 'the room picture',
  'm.room.history_visibility': 'the history visibility',
  'm.room.guest_access': 'the guest access',
  'm.room.encryption': 'the encryption',
  'm.room.canonical_alias': 'the main alias',
}
const LONGEST = 40

/** `the membership of @a:b`, `the topic`, `the state org.example.type of “key”`. Not yet safe for a terminal. */
export function slotWords(type: string, stateKey: string): string {
  if (type === 'm.room.member') return `the membership of ${stateKey}`
  const noun = (Object.hasOwn(NOUNS, type) ? NOUNS[type] : undefined) ?? `the state ${shortened(type)}`
  return noun + (stateKey === '' ? '' : ` of “${shortened(stateKey)}”`)
}

/**
 * How it is said that nothing stands in a slot. A user without membership never joined, or the membership was lost: one who left or was banned
 * has one, `leave` or `ban`.
 */
export function absence(type: string): string {
  return type === 'm.room.member' ? 'no membership' : 'not set'
}

/** At most 40 characters. */
export function shortened(text: string): string {
  const chars = [...text]
  return chars.length > LONGEST ? `${chars.slice(0, LONGEST - 1).join('')}…` : text
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}

/** The first `most` of them, and how many more there are. */
export function fewOf(words: readonly string[], most: number): string {
  if (words.length <= most) return listed(words)
  return `${words.slice(0, most).join(', ')} and ${(words.length - most).toLocaleString('en-US')} more`
}

/** `the topic and the memberships of @a:b, @c:d and 7 more`: at most `most` of either. */
export function slotsListed(
  slots: readonly {readonly type: string; readonly stateKey: string}[],
  most: number,
): string {
  const users = slots.filter(({type}) => type === 'm.room.member').map(({stateKey}) => stateKey)
  const others = slots.flatMap(({type, stateKey}) => (type === 'm.room.member' ? [] : [slotWords(type, stateKey)]))
  const members = users.length === 0 ? [] : [`the membership${users.length === 1 ? '' : 's'} of ${fewOf(users, most)}`]
  if (others.length <= most) return listed([...others, ...members])
  const rest = `${(others.length - most).toLocaleString('en-US')} more`
  return listed([...others.slice(0, most), rest, ...members])
}

/** The first letter large. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
