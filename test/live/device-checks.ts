import {DEVICE_KINDS} from '../../src/finding/device-kinds.ts'
import {CATALOGUE} from '../../src/finding/finding.ts'
import {equal, markdownTable} from './checking.ts'
import type {Running} from './checking.ts'
import {ACCESS_TIMES, OWN_CLOCK, changes} from './database.ts'
import {DeviceAudits} from './device-audits.ts'
import type {Audit} from './device-audits.ts'
import {outageStories} from './device-outage-stories.ts'
import {roomStories} from './device-room-stories.ts'
import {userStories} from './device-user-stories.ts'
import {launchWorld, makeDeaf} from './device-world.ts'
import type {DeviceStory, DeviceWorld, Phase} from './device-world.ts'
import {settled, showChange} from './fetch-checks.ts'
import {spread} from './stage.ts'

/**
 * Each of the findings of `devices`, on two real servers and with real cryptography: absent while all is well, then the thing itself is done,
 * then found by each route that can see it, and named as not checked by the others. Then: nothing of it changed the servers' databases.
 */
export async function checkDevices(running: Running): Promise<void> {
  const {check, python, say, keepSecret} = running
  const world = await launchWorld(python, say)
  try {
    const group = new DeviceGroup(running, world)
    await check('devices: people, devices and rooms', () => group.prepare())
    await group.healthy()
    await group.play('both')
    await check('devices: no route changes anything in the servers\u2019 databases', () => group.unchanged())
    await check('devices: an outage of one server', () => group.outage('there-deaf'))
    await group.play('there-deaf')
    await check('devices: an outage of the other server', () => group.outage('here-deaf'))
    await group.play('here-deaf')
    await check('devices: both servers again', () => group.outage('reunited'))
    await group.play('reunited')
    group.publishTable()
  } finally {
    keepSecret([...world.here.secrets, ...world.there.secrets])
    await world.dispose()
  }
}

const ROUTES = ['api', 'database'] as const
type RouteName = (typeof ROUTES)[number]
/** What a route showed of a story: `found`, or why not. */
type Seen = 'found' | `found as ${string}` | 'says it is not checked' | 'FAILED'

class DeviceGroup {
  readonly #running: Running
  readonly #world: DeviceWorld
  readonly #audits: DeviceAudits
  #stories: readonly DeviceStory[] = []
  #outages: Awaited<ReturnType<typeof outageStories>> | null = null
  readonly #seen = new Map<DeviceStory, Partial<Record<RouteName, Seen>>>()
  readonly #beside = new Map<DeviceStory, Set<string>>()

  constructor(running: Running, world: DeviceWorld) {
    this.#running = running
    this.#world = world
    this.#audits = new DeviceAudits(running.program, world)
  }

  async prepare(): Promise<string> {
    const users = await userStories(this.#world)
    const rooms = await roomStories(this.#world)
    this.#outages = await outageStories(this.#world)
    this.#stories = [...users, ...rooms, ...this.#outages.stories]
    const told = new Set<string>(this.#stories.map(({finding}) => finding))
    const lacking = Object.keys(DEVICE_KINDS).filter((id) => !told.has(id))
    equal('findings without a story', lacking.join(), '')
    return `${String(this.#stories.length)} stories of ${String(told.size)} findings`
  }

  /** Before anything is done: nothing of it is found, and nothing worse than a note. */
  async healthy(): Promise<void> {
    await spread(this.#stories, 2, async (story) => {
      for (const route of ROUTES) {
        await this.#running.check(
          `devices: ${story.finding} is absent before, by ${route} (${story.subject})`,
          async () => {
            const audit = await this.#audits.run(story, route)
            const present = audit.findings.filter(({id}) => id === story.finding)
            equal('found too early', present.map(({summary}) => summary).join(), '')
            const bad = audit.findings.filter(({severity}) => severity !== 'note')
            equal('of healthy devices', bad.map(({id, summary}) => `${id}: ${summary}`).join('\n'), '')
          },
        )
      }
    })
  }

  async play(phase: Phase): Promise<void> {
    const stories = this.#stories.filter((story) => story.phase === phase)
    const done = new Set<DeviceStory>()
    await spread(stories, 4, async (story) => {
      await this.#running.check(`devices: ${story.done}`, async () => {
        await story.act()
        done.add(story)
      })
    })
    if (phase === 'there-deaf') await this.#running.check('devices: time goes by', () => this.#age())
    if (phase === 'here-deaf') await this.#running.check('devices: more time goes by', () => this.#ageAgain())
    await spread([...done], 2, async (story) => {
      // The database first: whoever asks by the API as a device is seen.
      for (const route of ['database', 'api'] as const) {
        const sees = story.seenBy.includes(route)
        const name = `devices: ${story.finding} is ${sees ? 'found' : 'not checked'} by ${route} (${story.subject})`
        await this.#running.check(name, async () => {
          this.#note(story, route, 'FAILED')
          const audit = await this.#audits.run(story, route)
          const told = sees ? expectFound(story, route, audit) : expectNotChecked(story, audit)
          const beside = audit.findings.filter(({id, severity}) => id !== story.finding && severity !== 'note')
          for (const {id} of beside) this.#besides(story).add(id)
          this.#note(story, route, sees ? howFound(story, route) : 'says it is not checked')
          return told
        })
      }
    })
  }

  #note(story: DeviceStory, route: RouteName, seen: Seen): void {
    this.#seen.set(story, {...this.#seen.get(story), [route]: seen})
  }

  #besides(story: DeviceStory): Set<string> {
    const set = this.#beside.get(story) ?? new Set<string>()
    this.#beside.set(story, set)
    return set
  }

  async #age(): Promise<void> {
    const {here} = this.#world
    await here.stop()
    await this.#outages!.whileHereIsDown()
    await here.start()
  }

  async #ageAgain(): Promise<void> {
    const {there} = this.#world
    await there.stop()
    await this.#outages!.whileThereIsDownAgain()
    await there.start()
  }

  async outage(phase: Phase): Promise<void> {
    const {here, there} = this.#world
    if (phase === 'there-deaf') {
      await this.#outages!.prelude()
      await there.stop()
      await this.#outages!.whileThereIsDown()
      await makeDeaf(there)
    }
    if (phase === 'here-deaf') {
      await there.moveFederation(null)
      await makeDeaf(here)
    }
    if (phase === 'reunited') await here.moveFederation(null)
  }

  /** All routes, on a user and on a room, with both servers' databases held against themselves. */
  async unchanged(): Promise<string> {
    const servers = [this.#world.here, this.#world.there]
    const subjects = this.#stories.filter(
      ({finding, phase}) => phase === 'both' && ['device/otk-exhausted', 'megolm/index-reused'].includes(finding),
    )
    const before = await settled(servers)
    for (const story of subjects) {
      for (const route of ROUTES) await this.#audits.run(story, route, 'anew')
    }
    const after = await settled(servers)
    const list = servers.flatMap((_, n) => changes(before[n]!, after[n]!))
    if (list.length > 0) throw new Error(`changed:\n${list.map(showChange).join('\n')}`)
    const left = Object.entries(ACCESS_TIMES).map(([table, columns]) =>
      columns === '*' ? table : `${table}.{${columns.join()}}`,
    )
    return `${String(before[0]!.size)} tables; left out: ${left.join(', ')}; changed by the server's own clock: ${OWN_CLOCK.join(', ')}`
  }

  publishTable(): void {
    const rows = this.#stories.map((story) => {
      const seen = this.#seen.get(story)
      const beside = [...(this.#beside.get(story) ?? [])].sort().join(', ')
      const how = story.edited === undefined ? 'live' : `live, and edited: ${story.edited}`
      return [story.finding, story.done, how, seen?.api ?? 'not done', seen?.database ?? 'not done', beside]
    })
    rows.sort((a, b) => order(a[0]!) - order(b[0]!))
    const heads = ['finding', 'what was done', 'how', 'by API', 'by database', 'found beside it']
    this.#running.publish(`## The 26 findings on devices\n\n${markdownTable(heads, rows)}`)
  }
}

const order = (id: string): number => Object.keys(DEVICE_KINDS).indexOf(id)

/** The finding is there, about what it should be, as sure as the catalogue has it, and with its evidence. @returns its sentence */
function expectFound(story: DeviceStory, route: RouteName, {findings, said}: Audit): string {
  const found = findings.filter(({id}) => id === story.finding)
  if (found.length === 0) {
    throw new Error(`not found; instead: ${findings.map(({id}) => id).join(', ')}\n${said.slice(0, 600)}`)
  }
  const wanted = Object.entries(story.about?.() ?? {})
  const mine = found.filter(({subject}) => wanted.every(([key, value]) => subject[key] === value))
  if (mine.length === 0)
    throw new Error(`about something else than ${JSON.stringify(wanted)}: ${JSON.stringify(found[0]!.subject)}`)
  const [finding] = mine
  const kind = story.otherwise?.[route] ?? CATALOGUE[story.finding]
  equal('severity', finding!.severity, kind.severity)
  equal('certainty', finding!.certainty, kind.certainty)
  if (finding!.evidence.length === 0) throw new Error('no evidence')
  for (const {source, where} of finding!.evidence) {
    if (source === '' || where === '')
      throw new Error(`evidence without its place: ${JSON.stringify(finding!.evidence)}`)
  }
  if (finding!.remedy === '') throw new Error('no remedy')
  return finding!.summary
}

function howFound({otherwise}: DeviceStory, route: RouteName): Seen {
  const weaker = otherwise?.[route]
  return weaker === undefined ? 'found' : `found as ${weaker.severity}, ${weaker.certainty}`
}

function expectNotChecked(story: DeviceStory, audit: Audit): string {
  const present = audit.findings.filter(({id}) => id === story.finding)
  if (present.length > 0) throw new Error(`found, by a route that cannot see it: ${present[0]!.summary}`)
  const [entry] = audit.notChecked.filter(({id}) => id === story.finding)
  if (entry === undefined) throw new Error('neither found nor named as not checked')
  if (entry.needs === '') throw new Error('it is not said which access is needed')
  return entry.needs
}
