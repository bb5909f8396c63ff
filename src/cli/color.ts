/** Whether a stream may get colours: what the command line says, else what the environment says, else if it is a terminal. */
export function wantsColor(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (beforeDoubleDash(argv).includes('--no-color')) return false
  if (isSet(env['NO_COLOR'])) return false
  if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0'
  return isTerminal && env['TERM'] !== 'dumb'
}

/** Flags count only before a `--`. */
export function beforeDoubleDash(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  return end === -1 ? argv : argv.slice(0, end)
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== ''
