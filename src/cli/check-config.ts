import {existsSync, readFileSync} from 'node:fs'
import {parseRoomList} from '../investigate/check-list.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import type {CheckFlags} from './check-flags.ts'
import type {TypedFlag} from './check-output.ts'
import {type CheckConfig, CONFIG_NAME, readConfig} from './config-file.ts'

/** A command line, as far as a config file stands in for what was not typed. */
export interface ConfigurableLine {
  readonly rooms: readonly string[]
  readonly flags: CheckFlags
  readonly typed: readonly TypedFlag[]
}

export interface ConfiguredLine extends ConfigurableLine {
  /** Why kinds of findings are ignored, where the config file tells. */
  readonly ignoredFor: ReadonlyMap<string, string>
  /** For people. */
  readonly notes: readonly string[]
}

/**
 * What was typed, and for the rest what the config file says. Rooms that are typed, in whatever way, stand instead of all rooms of the file;
 * reports that are typed, instead of all its reports; `--ignore` adds to what it ignores. A server that is typed is asked with none of
 * the file's tokens: they are for another one.
 *
 * @throws StateError as `readConfig`
 */
export function withConfig(line: ConfigurableLine): ConfiguredLine {
  const {config: path} = line.flags
  if (path === undefined) {
    const notes = existsSync(CONFIG_NAME)
      ? [`${CONFIG_NAME} is here, and was not read; --config ${CONFIG_NAME} does.`]
      : []
    return {...line, ignoredFor: new Map(), notes}
  }
  const config = readConfig(path)
  const typed = new Set(line.typed.flatMap(({type, flag}) => (type === 'flag' && flag !== undefined ? [flag] : [])))
  const chosen = roomsOf(line, config, typed)
  const base: CheckFlags = {...line.flags, ...chosen.flags}
  const flags = {
    ...base,
    ...judged(base, config, typed),
    ...worked(base, config, typed),
    ...(mayBeLive(chosen.rooms, base) ? reached(base, config, typed) : {}),
  }
  return {
    rooms: chosen.rooms,
    flags,
    typed: reported(line, config, typed),
    ignoredFor: config.ignore ?? new Map(),
    notes: [],
  }
}

function roomsOf({rooms, flags}: ConfigurableLine, config: CheckConfig, typed: ReadonlySet<string>) {
  const isTyped = rooms.length > 0 || typed.has('rooms') || typed.has('all-rooms')
  if (isTyped) return {rooms, flags: {}}
  return {
    rooms: config.rooms ?? [],
    flags: {rooms: config.rooms_file ?? flags.rooms, 'all-rooms': config.all_rooms ?? false},
  }
}

/** How findings count. */
function judged(flags: CheckFlags, config: CheckConfig, typed: ReadonlySet<string>): Partial<CheckFlags> {
  return {
    'fail-on': typed.has('fail-on') ? flags['fail-on'] : (config.fail_on ?? flags['fail-on']),
    ignore: [...new Set([...(flags.ignore ?? []), ...(config.ignore?.keys() ?? [])])],
    baseline: flags.baseline ?? config.baseline,
  }
}

/** How the work is done. */
function worked(flags: CheckFlags, config: CheckConfig, typed: ReadonlySet<string>): Partial<CheckFlags> {
  return {
    reading: typed.has('reading') ? flags.reading : (config.reading ?? flags.reading),
    devices: typed.has('devices') ? flags.devices : config.devices === true,
    full: typed.has('full') ? flags.full : config.full === true,
    jobs: flags.jobs ?? config.jobs,
    timeout: flags.timeout ?? config.timeout,
    memory: flags.memory ?? config.memory,
    journal: flags.journal ?? config.journal,
  }
}

/** How servers are reached: only where one may be asked, since those flags are refused beside files. */
function reached(flags: CheckFlags, config: CheckConfig, typed: ReadonlySet<string>): Partial<CheckFlags> {
  const isOther = typed.has('profile') || flags.homeserver !== undefined
  const server = isOther ? {} : config
  const key = flags['signing-key'] === undefined && flags['server-name'] === undefined ? config : {}
  const keepsNone = flags.offline || flags.refresh || flags['no-cache']
  return {
    profile: flags.profile ?? server.profile,
    homeserver: flags.homeserver ?? server.homeserver,
    'token-file': flags['token-file'] ?? server.token_file,
    'admin-token-file': flags['admin-token-file'] ?? server.admin_token_file,
    'signing-key': flags['signing-key'] ?? key.signing_key,
    'server-name': flags['server-name'] ?? key.server_name,
    with: flags.with ?? config.with,
    'all-servers': typed.has('all-servers') ? flags['all-servers'] : config.all_servers === true,
    'as-user': flags['as-user'] ?? config.as_user,
    database: flags.database ?? config.database,
    keys: flags.keys ?? config.keys,
    from: flags.from ?? config.from,
    'keep-cases': flags['keep-cases'] ?? (keepsNone ? undefined : config.keep_cases),
  }
}

/** A list is read here to see what is in it; that it cannot be read is told where it is needed. */
function mayBeLive(rooms: readonly string[], {rooms: list, 'all-rooms': all}: CheckFlags): boolean {
  if (all || rooms.some(isLiveRoom)) return true
  if (list === undefined) return false
  try {
    return list === '-' || parseRoomList(readFileSync(list, 'utf8')).some(isLiveRoom)
  } catch {
    return true
  }
}

/** Reports of the file, as if they had been typed. `--json` takes standard output for itself. */
function reported({typed: words}: ConfigurableLine, {reports = []}: CheckConfig, typed: ReadonlySet<string>) {
  if (typed.has('format') || typed.has('output')) return words
  const those = typed.has('json') ? reports.filter(({output}) => output !== undefined) : reports
  return [
    ...words,
    ...those.flatMap(({format, output}) => [
      {type: 'flag', flag: 'format', input: format},
      ...(output === undefined ? [] : [{type: 'flag', flag: 'output', input: output}]),
    ]),
  ]
}
