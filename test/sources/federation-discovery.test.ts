import {createSocket} from 'node:dgram'
import {expect, onTestFinished, test} from 'vitest'
import {createDiscovery} from '../../src/sources/federation-discovery.ts'
import type {DiscoveryPorts, ServerAddress, SrvRecord, WellKnownAnswer} from '../../src/sources/federation-discovery.ts'
import {openDiscovery} from '../../src/sources/federation-lookups.ts'

interface World {
  readonly wellKnown?: Readonly<Record<string, Partial<WellKnownAnswer> | Error>>
  readonly srv?: Readonly<Record<string, readonly SrvRecord[] | Error>>
}

/** A world without a network; `asked` tells what was looked up. */
function world({wellKnown = {}, srv = {}}: World, more: Partial<DiscoveryPorts> = {}) {
  const asked: string[] = []
  const clock = {nowMs: 1_000_000}
  const discovery = createDiscovery({
    fetchWellKnown: async (host) => {
      asked.push(`well-known ${host}`)
      const answer = wellKnown[host] ?? {status: 404}
      if (answer instanceof Error) throw answer
      return {status: 200, text: '', cacheControl: null, expires: null, ...answer}
    },
    resolveSrv: async (name) => {
      asked.push(name)
      const records = srv[name] ?? Object.assign(new Error('none'), {code: 'ENOTFOUND'})
      if (records instanceof Error) throw records
      return records
    },
    nowMs: () => clock.nowMs,
    ...more,
  })
  return {discovery, asked, clock}
}

const delegate = (server: unknown): Partial<WellKnownAnswer> => ({text: JSON.stringify({'m.server': server})})
const record = (name: string, port: number, priority = 10, weight = 0): SrvRecord => ({name, port, priority, weight})
const address = (host: string, port: number, hostHeader: string, tlsName: string): ServerAddress => ({
  host,
  port,
  hostHeader,
  tlsName,
})
const atDefault = address('example.org', 8448, 'example.org', 'example.org')

const CASES: readonly (readonly [string, string, World, ServerAddress, readonly string[]])[] = [
  ['1 an IPv4 address', '192.0.2.1', {}, address('192.0.2.1', 8448, '192.0.2.1', '192.0.2.1'), []],
  ['1 an IPv4 address with a port', '192.0.2.1:1', {}, address('192.0.2.1', 1, '192.0.2.1:1', '192.0.2.1'), []],
  ['1 an IPv6 address', '[2001:db8::1]', {}, address('2001:db8::1', 8448, '[2001:db8::1]', '2001:db8::1'), []],
  ['1 an IPv6 address with a port', '[::1]:80', {}, address('::1', 80, '[::1]:80', '::1'), []],
  ['2 a port', 'example.org:443', {}, address('example.org', 443, 'example.org:443', 'example.org'), []],
  [
    '3.1 delegated to an IPv4 address',
    'example.org',
    {wellKnown: {'example.org': delegate('192.0.2.9')}},
    address('192.0.2.9', 8448, '192.0.2.9', '192.0.2.9'),
    ['well-known example.org'],
  ],
  [
    '3.1 delegated to an IPv6 address with a port',
    'example.org',
    {wellKnown: {'example.org': delegate('[::1]:443')}},
    address('::1', 443, '[::1]:443', '::1'),
    ['well-known example.org'],
  ],
  [
    '3.2 delegated to a host with a port',
    'example.org',
    {wellKnown: {'example.org': delegate('hs.example.net:443')}},
    address('hs.example.net', 443, 'hs.example.net:443', 'hs.example.net'),
    ['well-known example.org'],
  ],
  [
    '3.3 delegated to a host with an SRV record',
    'example.org',
    {
      wellKnown: {'example.org': delegate('hs.example.net')},
      srv: {'_matrix-fed._tcp.hs.example.net': [record('far.example.com', 4448)]},
    },
    address('far.example.com', 4448, 'hs.example.net', 'hs.example.net'),
    ['well-known example.org', '_matrix-fed._tcp.hs.example.net'],
  ],
  [
    '3.4 delegated to a host with an old SRV record',
    'example.org',
    {
      wellKnown: {'example.org': delegate('hs.example.net')},
      srv: {'_matrix._tcp.hs.example.net': [record('far.example.com.', 4448)]},
    },
    address('far.example.com', 4448, 'hs.example.net', 'hs.example.net'),
    ['well-known example.org', '_matrix-fed._tcp.hs.example.net', '_matrix._tcp.hs.example.net'],
  ],
  [
    '3.5 delegated to a host without either',
    'example.org',
    {wellKnown: {'example.org': delegate('hs.example.net')}},
    address('hs.example.net', 8448, 'hs.example.net', 'hs.example.net'),
    ['well-known example.org', '_matrix-fed._tcp.hs.example.net', '_matrix._tcp.hs.example.net'],
  ],
  [
    '4 an SRV record',
    'example.org',
    {
      srv: {
        '_matrix-fed._tcp.example.org': [record('new.example.com', 1)],
        '_matrix._tcp.example.org': [record('old.example.com', 2)],
      },
    },
    address('new.example.com', 1, 'example.org', 'example.org'),
    ['well-known example.org', '_matrix-fed._tcp.example.org'],
  ],
  [
    '5 an old SRV record',
    'example.org',
    {srv: {'_matrix-fed._tcp.example.org': [], '_matrix._tcp.example.org': [record('old.example.com', 2)]}},
    address('old.example.com', 2, 'example.org', 'example.org'),
    ['well-known example.org', '_matrix-fed._tcp.example.org', '_matrix._tcp.example.org'],
  ],
  [
    '6 nothing',
    'example.org',
    {},
    atDefault,
    ['well-known example.org', '_matrix-fed._tcp.example.org', '_matrix._tcp.example.org'],
  ],
]

test.each(CASES)('%s', async (_, name, given, expected, lookups) => {
  const {discovery, asked} = world(given)
  expect((await discovery.discover(name)).addresses).toEqual([expected])
  expect(asked).toEqual(lookups)
})

const BAD: readonly (readonly [string, Partial<WellKnownAnswer> | Error, RegExp])[] = [
  ['a status', {status: 500, ...delegate('elsewhere.example.net')}, /status 500/],
  ['no JSON', {text: '<html>'}, /no JSON/],
  ['null', {text: 'null'}, /no JSON object with/],
  ['no m.server', {text: '{}'}, /no JSON object with/],
  ['a number', delegate(8448), /no JSON object with/],
  ['a URL', delegate('https://hs.example.net'), /not a server name/],
  ['port 0', delegate('hs.example.net:0'), /not a server name/],
  ['a port too high', delegate('hs.example.net:65536'), /not a server name/],
  ['an IPv6 address that is none', delegate('[::12345]'), /not a server name/],
  ['an empty name', delegate(''), /not a server name/],
  ['no answer', new Error('nothing accepts connections'), /nothing accepts/],
]
test.each(BAD)(
  'a well-known answer with %s leads to the next step, and the trail says why',
  async (_, answer, words) => {
    const {discovery} = world({wellKnown: {'example.org': answer}})
    const {addresses, trail} = await discovery.discover('example.org')
    expect(addresses).toEqual([atDefault])
    expect(trail[0]).toMatch(words)
  },
)

test('DNS that does not work leads to the next step, and the trail says which lookup failed', async () => {
  const broken = Object.assign(new Error('queryServfail'), {code: 'ESERVFAIL'})
  const {discovery} = world({srv: {'_matrix-fed._tcp.example.org': broken}})
  const {addresses, trail} = await discovery.discover('example.org')
  expect(addresses).toEqual([atDefault])
  expect(trail).toContain('SRV _matrix-fed._tcp.example.org: the DNS failed (ESERVFAIL)')
  expect(trail).toContain('SRV _matrix._tcp.example.org: none')
})

test('an SRV record that names no host ends the search', async () => {
  const {discovery} = world({srv: {'_matrix-fed._tcp.example.org': [record('', 0)]}})
  await expect(discovery.discover('example.org')).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining('_matrix-fed._tcp.example.org') as string,
  })
})

test('SRV records are tried by priority, and among equals by weight', async () => {
  const records = [record('c', 3, 20), record('a', 1, 10, 1), record('b', 2, 10, 9)]
  const order = async (random: number) => {
    const {discovery} = world({srv: {'_matrix-fed._tcp.example.org': records}}, {random: () => random})
    return (await discovery.discover('example.org')).addresses.map(({host}) => host).join('')
  }
  expect(await order(0)).toBe('abc')
  expect(await order(0.5)).toBe('bac')
  expect(await order(0.999)).toBe('bac')
})

test.each(['', 'ex ample', 'a/b', 'user@host', '[::1', 'host:port', 'host:99999', ':8448', '[1.2.3.4]'])(
  '%j is no server name',
  async (name) => {
    const {discovery, asked} = world({})
    await expect(discovery.discover(name)).rejects.toMatchObject({code: 'USAGE'})
    expect(asked).toEqual([])
  },
)

const HOUR = 3_600_000
const LIFETIMES: readonly (readonly [string, Partial<WellKnownAnswer>, number])[] = [
  ['nothing', {}, 24 * HOUR],
  ['max-age', {cacheControl: 'public, max-age=7200'}, 2 * HOUR],
  ['max-age before Expires', {cacheControl: 'Max-Age=7200', expires: new Date(4 * HOUR).toUTCString()}, 2 * HOUR],
  ['a short max-age', {cacheControl: 'max-age=1'}, 300_000],
  ['no-store', {cacheControl: 'no-store'}, 300_000],
  ['a long max-age', {cacheControl: 'max-age=99999999'}, 48 * HOUR],
  ['Expires', {expires: new Date(1_000_000 + 3 * HOUR).toUTCString()}, 3 * HOUR],
  ['an Expires that is past', {expires: '0'}, 300_000],
  ['a failure', {status: 404}, HOUR],
]
test.each(LIFETIMES)('a well-known answer with %s is kept for as long as it may be', async (_, headers, forMs) => {
  const {discovery, asked, clock} = world({wellKnown: {'example.org': {...delegate('192.0.2.1'), ...headers}}})
  const count = async (): Promise<number> => {
    await discovery.discover('example.org')
    return asked.filter((lookup) => lookup === 'well-known example.org').length
  }
  expect(await count()).toBe(1)
  clock.nowMs += forMs - 2000
  expect(await count()).toBe(1)
  clock.nowMs += 2000
  expect(await count()).toBe(2)
})

test('a real DNS answer is understood, and NXDOMAIN is no failure', async () => {
  const server = await dnsServer({'_matrix-fed._tcp.hs.invalid': [record('far.invalid', 4448, 5, 7)]})
  const discovery = openDiscovery({dnsServers: [server], timeoutMs: 2000})
  // .invalid never resolves, so that the well-known request fails without a network.
  const {addresses, trail} = await discovery.discover('hs.invalid')
  expect(addresses).toEqual([address('far.invalid', 4448, 'hs.invalid', 'hs.invalid')])
  expect(trail[0]).toMatch(/^https:\/\/hs\.invalid\/\.well-known\/matrix\/server: /)
  const other = await discovery.discover('other.invalid')
  expect(other.addresses).toEqual([address('other.invalid', 8448, 'other.invalid', 'other.invalid')])
  expect(other.trail).toContain('SRV _matrix-fed._tcp.other.invalid: none')
})

/** A DNS server on loopback that knows SRV records and nothing else. */
async function dnsServer(zone: Readonly<Record<string, readonly SrvRecord[]>>): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('ascii', at + 1, at + 1 + length))
      at += 1 + length
    }
    const records = zone[labels.join('.')] ?? []
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(records.length === 0 ? 0x8183 : 0x8180, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    const answers = records.map(({name, port, priority, weight}) => {
      const target = Buffer.concat([
        ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
        Buffer.from([0]),
      ])
      const fixed = Buffer.alloc(18)
      fixed.writeUInt16BE(0xc00c, 0)
      fixed.writeUInt16BE(33, 2)
      fixed.writeUInt16BE(1, 4)
      fixed.writeUInt32BE(60, 6)
      fixed.writeUInt16BE(6 + target.length, 10)
      fixed.writeUInt16BE(priority, 12)
      fixed.writeUInt16BE(weight, 14)
      fixed.writeUInt16BE(port, 16)
      return Buffer.concat([fixed, target])
    })
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...answers]), from.port, from.address)
  })
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => new Promise<void>((resolve) => void socket.close(resolve)))
  return `127.0.0.1:${String(socket.address().port)}`
}
