import {findPostgres, startCluster} from './postgres.ts'
import type {Cluster} from './postgres.ts'
import {hiddenHistory, lateServer, mildFork, quarrel} from './forks.ts'
import type {Pair, Story} from './forks.ts'
import {longLife, ordinaryLife, registerCast, TestRoom} from './rooms.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

/** A room of the stage, and who sees it. */
export interface LiveRoom {
  readonly title: string
  readonly kind: 'ordinary' | 'forked' | 'quarrel' | 'hidden' | 'late' | 'long'
  readonly room: TestRoom
  /** Members on each server. */
  readonly here: Account
  readonly there: Account | null
  /** Somebody who may not see all of its history. */
  readonly late: Account | null
  /** Events at least. */
  readonly atLeast: number
}

/** Two federating servers, one on SQLite (`here`), one on Postgres if there is one (`there`), and rooms with a past. */
export interface Stage extends Pair {
  readonly rooms: readonly LiveRoom[]
  /** Server admins who are in no room. */
  readonly root: Account
  readonly wheel: Account
  readonly stranger: Account
  readonly dave: Account
  readonly cluster: Cluster | null
  readonly dispose: () => Promise<void>
}

export interface StageOptions {
  readonly python: string
  readonly say: (line: string) => void
  /** Fewer and shorter rooms. */
  readonly quick: boolean
}

const ALL = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12']

/** Launches the servers and lets all rooms live: two to three minutes on two slow cores. Nothing stays when it throws. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const {python, say, quick} = options
  const disposals: (() => Promise<void>)[] = []
  const dispose = async (): Promise<void> => {
    for (const one of disposals.splice(0).reverse()) await one()
  }
  try {
    const postgres = findPostgres()
    if ('skip' in postgres) say(`note  both servers are on SQLite: ${postgres.skip}`)
    const cluster = 'skip' in postgres ? null : await startCluster()
    if (cluster !== null) disposals.push(cluster.stop)
    const launched = await Promise.allSettled([
      Synapse.launch(python, {federation: true}),
      Synapse.launch(python, {federation: true, ...(cluster === null ? {} : {cluster})}),
    ])
    const servers = launched.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    disposals.push(async () => {
      await Promise.all(servers.map((server) => server.dispose()))
    })
    for (const one of launched) if (one.status === 'rejected') throw one.reason
    const [here, there] = servers as [Synapse, Synapse]
    const stage = await populate(here, there, quick, say)
    return {...stage, cluster, dispose}
  } catch (error) {
    await dispose()
    throw error
  }
}

async function populate(
  here: Synapse,
  there: Synapse,
  quick: boolean,
  say: (line: string) => void,
): Promise<Omit<Stage, 'cluster' | 'dispose'>> {
  const start = performance.now()
  const tell = (what: string): void => say(`      ${what} after ${((performance.now() - start) / 1000).toFixed(0)} s`)
  const cast = await registerCast(here)
  const {alice, bob, carol, dave} = cast
  const [rita, sam] = await Promise.all([there.register('rita'), there.register('sam')])
  const [root, wheel] = await Promise.all([
    here.register('root', {admin: true}),
    there.register('wheel', {admin: true}),
  ])
  const stranger = await here.register('stranger')
  const pair: Pair = {here, there, alice, bob, carol, rita, sam}
  const common = {here: alice, there: rita, late: null}

  const ordinary: LiveRoom[] = []
  for (const version of quick ? ['10'] : ['1', '6', '10', '11', '12']) {
    const room = await ordinaryLife(here, version, cast)
    ordinary.push({...common, title: `ordinary v${version}`, kind: 'ordinary', room, there: null, atLeast: 20})
  }
  tell('ordinary rooms')
  const forkVersions = quick ? ['12'] : ['1', '10', '12']
  const quarrelVersions = quick ? ['1', '10', '12'] : ALL
  const forks = await spread(forkVersions, 3, (version) => mildFork(pair, version))
  const quarrels = await spread(quarrelVersions, 4, (version) =>
    quarrel(pair, version, version === '10' ? {room_alias_name: 'quarrel'} : {}),
  )
  tell('rooms on both servers')
  const long = await TestRoom.create(here, alice, '10', {name: 'Long'})
  for (const user of [bob, carol, dave]) await long.join(here, user)
  await long.setPower(here, alice, {[bob.userId]: 50, [carol.userId]: 50, [dave.userId]: 50})
  const longEvents = quick ? 400 : 3000
  const people = [alice, bob, carol, dave]
  const stories: Story[] = [...forks, ...quarrels]
  await there.stop()
  await spread(stories, 4, (story) => story.whileThereIsDown())
  await longLife(here, long, people, longEvents)
  await here.stop()
  await there.start()
  await spread(stories, 4, (story) => story.whileHereIsDown())
  await here.start()
  tell('outages')
  await spread(stories, 4, (story) => story.afterwards())
  tell('reunions')
  const hiddenVersions = quick ? ['11'] : ['6', '11']
  const hidden = await spread(hiddenVersions, 2, (version) => hiddenHistory(pair, version, dave))
  const late = await lateServer(pair, '11')
  await long.join(there, rita, here)
  tell('all rooms')
  const titled = (
    rooms: readonly TestRoom[],
    kind: 'forked' | 'quarrel' | 'hidden',
    late: Account | null,
  ): LiveRoom[] => rooms.map((room) => ({...common, title: `${kind} v${room.version}`, kind, room, late, atLeast: 10}))
  const rooms: LiveRoom[] = [
    ...ordinary,
    ...titled(
      forks.map(({room}) => room),
      'forked',
      null,
    ),
    ...titled(
      quarrels.map(({room}) => room),
      'quarrel',
      null,
    ),
    ...titled(hidden, 'hidden', dave),
    {...common, title: 'late v11', kind: 'late', room: late, atLeast: 10},
    {...common, title: 'long v10', kind: 'long', room: long, atLeast: longEvents},
  ]
  return {...pair, rooms, root, wheel, stranger, dave}
}

/** Some at a time, in order. */
export async function spread<T, R>(items: readonly T[], width: number, body: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let n = next++; n < items.length; n = next++) results[n] = await body(items[n]!)
  }
  await Promise.all(Array.from({length: Math.min(width, items.length)}, worker))
  return results
}
