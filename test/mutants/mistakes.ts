/** A mistake that people do make, written out: the classic ones of those who implement the rules and state resolution. */
export interface Mistake {
  readonly what: string
  /** Relative to the checkout. */
  readonly file: string
  /** What stands there, exactly once, and what is put in its place. */
  readonly edits: readonly (readonly [find: string, put: string])[]
}

const MEMBER = 'src/auth/rules/member.ts'
const OTHER = 'src/auth/rules/other.ts'
const POWER = 'src/auth/rules/power-levels.ts'
const V1 = 'src/resolve/resolve-v1.ts'
const V2 = 'src/resolve/resolve-v2.ts'
const ORDER = 'src/resolve/power-order.ts'
const DIFFERENCE = 'src/resolve/auth-difference.ts'
const REPLAY = 'src/resolve/replay.ts'
const VIEW = 'src/auth/view.ts'
const JUDGEMENT = 'src/auth/judgement.ts'

const one = (what: string, file: string, find: string, put: string): Mistake => ({what, file, edits: [[find, put]]})

const RESOLUTION: readonly Mistake[] = [
  one('no auth difference', V2, 'tools.difference.addTo(full, conflict, tools.reading)\n', ''),
  one(
    'the auth difference is the intersection, not what lies outside it',
    DIFFERENCE,
    'else found.add(event)\n',
    'else void 0\n      } else {\n        found.add(event)\n',
  ),
  one('the auth difference takes all of the chains', DIFFERENCE, 'if (bits !== this.#everyone) {', 'found.add(event)\n      if (bits !== this.#everyone) {'),
  one('the auth difference forgets what the states agree on', DIFFERENCE, 'if (this.#isInAgreedChain(conflict, event)) bits = this.#everyone\n        else found.add(event)', 'found.add(event)'),
  one('the auth difference only looks at direct auth events', DIFFERENCE, 'this.#markParents(conflict, event, bits)\n    }', '}'),
  one('the events of the states never count as part of their chains', DIFFERENCE, "reading === 'synapse'", 'false'),
  one('the events of the states always count as part of their chains', DIFFERENCE, "reading === 'synapse'", 'true'),
  one('only the auth difference is resolved, not the conflicted events', V2, 'for (const event of conflict.values) if (event !== ABSENT) full.add(event)\n', ''),
  one('the mainline is ignored', 'src/resolve/mainline.ts', '(this.#places[a] ?? 0) - (this.#places[b] ?? 0) || ', ''),
  one('the mainline is walked the wrong way', 'src/resolve/mainline.ts', '(this.#places[a] ?? 0) - (this.#places[b] ?? 0)', '(this.#places[b] ?? 0) - (this.#places[a] ?? 0)'),
  one('no mainline counts as newest', 'src/resolve/mainline.ts', 'const BEFORE_ALL = -1', 'const BEFORE_ALL = Infinity'),
  one('no mainline counts as the oldest power levels', 'src/resolve/mainline.ts', 'const BEFORE_ALL = -1', 'const BEFORE_ALL = 0'),
  one('the mainline of the agreed power levels, not of the resolved ones', V2, 'const levels = inState(conflict, tools.v21, conflict.graph.powerSlot)', 'const levels = conflict.agreed(conflict.graph.powerSlot)'),
  one('ages are compared the wrong way', ORDER, '(graph.ts[a] ?? 0) - (graph.ts[b] ?? 0)', '(graph.ts[b] ?? 0) - (graph.ts[a] ?? 0)'),
  one('ages are not compared', ORDER, '(graph.ts[a] ?? 0) - (graph.ts[b] ?? 0) || ', ''),
  one('ties go to the smaller ID', ORDER, 'compareCodePoints(graph.id(a), graph.id(b))', 'compareCodePoints(graph.id(b), graph.id(a))'),
  one('IDs are compared by UTF-16 units', ORDER, 'compareCodePoints(graph.id(a), graph.id(b))', '(graph.id(a) < graph.id(b) ? -1 : 1)'),
  one('the least power first', ORDER, 'if (x > y) return -1\n    if (x < y) return 1', 'if (x > y) return 1\n    if (x < y) return -1'),
  one('power is not compared', ORDER, 'if (x > y) return -1\n    if (x < y) return 1\n', ''),
  one('power of a creator above all is read from the power levels', ORDER, 'if (judgement.isCreatorAboveAll(sender)) return Infinity\n', ''),
  one('the creator has no power without power levels', ORDER, 'sender === judgement.creatorName ? 100 : 0', 'false ? 100 : 0'),
  one('kicks and bans are no power events', ORDER, '(membership === Membership.Leave || membership === Membership.Ban) &&', 'false &&'),
  one('leaving of one’s own is a power event', ORDER, ' && graph.sender[row] !== graph.target[row]', ''),
  one('join rules are no power events', ORDER, ' || slot === graph.joinRulesSlot', ''),
  one('power events are not ordered after their auth events', ORDER, 'this.#open[row] = (this.#open[row] ?? 0) + 1', 'this.#open[row] = 0'),
  one('auth events of power events are not taken along', ORDER, 'this.#choose(parent)\n', 'if (!this.#chosen.has(parent)) return\n'),
  one('power events are not sorted first', V2, 'applyInOrder(conflict, tools, power)\n', ''),
  one('the rest is not applied', V2, 'applyInOrder(conflict, tools, tools.mainline.sort(rest, levels))', 'void levels'),
  one('the conflicted subgraph is left out', V2, 'if (tools.v21) addConflictedSubgraph(conflict.graph, full, tools.scratch)\n', ''),
  one('the conflicted subgraph in every version', V2, 'if (tools.v21) addConflictedSubgraph', 'addConflictedSubgraph'),
  one('v2.1 starts from what the states agree on', V2, 'resolved !== ABSENT || fromNothing', 'resolved !== ABSENT'),
  one('v2 starts from nothing', V2, 'resolved !== ABSENT || fromNothing', 'resolved !== ABSENT || true'),
  one('v2.1 in no version', 'src/resolve/resolver.ts', "v21: this.algorithm === 'v2.1'", 'v21: false'),
  one('every event is let into the resolved state', V2, 'if (checker.passesMerge(row)) conflict', 'conflict'),
  one('what the state lacks is not taken from the auth events', V2, 'if (wanted >= 0 && view[role] === ABSENT) view[role] = ownAuthEvent(graph, judgement, row, wanted)\n', ''),
  one('the auth events count more than the state', V2, 'if (wanted >= 0 && view[role] === ABSENT) view[role] =', 'if (wanted >= 0 && ownAuthEvent(graph, judgement, row, wanted) !== ABSENT) view[role] ='),
  one('rejected auth events are used', V2, ' || judgement.isRejected(event) ? ABSENT', ' ? ABSENT'),
  one('rejected events come back in a merge', V2, 'if (slot < 0 || judgement.isRejected(row)) continue', 'if (slot < 0) continue'),
  one('absence is no conflict', 'src/resolve/conflict.ts', 'this.trie.differences(roots, this.slots)\n', 'this.trie.differences(roots, this.slots)\n    const held = this.slots.filter((slot) => roots.every((root) => this.trie.get(root, slot) !== ABSENT))\n    this.slots.splice(0, this.slots.length, ...held)\n'),
  one('a resolved slot wins over an agreed one', 'src/resolve/conflict.ts', ' && this.agreed(slot) === ABSENT) root', ') root'),
  one('states are merged in pairs', 'src/resolve/resolver.ts', 'const distinct = distinctSorted(roots)\n', 'const distinct = distinctSorted(roots)\n    if (distinct.length > 2) {\n      const [head = 0, ...tail] = distinct\n      return tail.reduce((merged, root) => this.resolve([merged.root, root], limit), {root: head, conflicts: 0} as MergeResult)\n    }\n'),
  one('the first state wins', 'src/resolve/resolver.ts', 'conflicts === 0 ? first : this.#run()', 'first'),
  one('v1: SHA-1 the other way', V1, 'a.sha1 < b.sha1 ? 1 : -1', 'a.sha1 < b.sha1 ? -1 : 1'),
  one('v1: IDs instead of their SHA-1', V1, "sha1: hash('sha1', graph.id(row), 'hex')", 'sha1: graph.id(row)'),
  one('v1: depth the other way', V1, 'a.depth < b.depth ? -1 : a.depth > b.depth ? 1', 'a.depth < b.depth ? 1 : a.depth > b.depth ? -1'),
  one('v1: the sequence goes on after a failure', V1, 'slot, current)) break', 'slot, current)) continue'),
  one('v1: the first of a sequence is checked, too', V1, 'let current = first\n  for (const next of others)', 'let current = ABSENT\n  for (const next of [first, ...others])'),
  one('v1: absence is a conflict', V1, 'if (candidates.length === 1) conflict', 'if (candidates.length === 0) conflict'),
  one('v1: no order among the groups', V1, 'disputes.filter(isPower),\n', ''),
  one('v1: join rules like any other slot', V1, 'disputes.filter((dispute) => typeOf(dispute) === Type.JoinRules),\n', ''),
  one('v1: members like any other slot', V1, 'disputes.filter((dispute) => typeOf(dispute) === Type.Member),\n', ''),
  one('v1: the shallowest of those that pass', V1, 'ascending.findLast(', 'ascending.find('),
  one('v1: nothing when none passes', V1, ' ?? ascending[0] ?? ABSENT', ' ?? ABSENT'),
  one('v1: winners are seen within their group', V1, 'const winners = group.map((dispute) => bySequence(conflict, checker, dispute))\n', 'const winners = group.map((dispute) => {\n      const winner = bySequence(conflict, checker, dispute)\n      conflict.resolve(dispute.slot, winner)\n      return winner\n    })\n'),
]

const REPLAYING: readonly Mistake[] = [
  one('rejected events change the state', REPLAY, 'if (slot < 0 || verdict === Verdict.Rejected || before', 'if (slot < 0 || before'),
  one('events of unknown verdict leave the state as it was', REPLAY, 'else if (verdict === Verdict.Accepted) this', 'else this'),
  one('undetermined auth events count as accepted', REPLAY, 'this.#verdicts[event] === Verdict.Undetermined && ', 'false && '),
  one('missing prev events are overlooked', REPLAY, 'if (root === UNKNOWN_STATE) return UNKNOWN_STATE\n', ''),
  one('only the first prev event counts', REPLAY, 'if (end - start === 1) return first', 'if (end - start >= 1) return first'),
  one('only the first check, against the event’s own auth events', REPLAY, "return checker.passesState(row) ? Verdict.Accepted : this.#reject(row, 'before')", 'return Verdict.Accepted'),
  one('only the second check, against the state', REPLAY, "if (!checker.passesOwn(row)) return this.#reject(row, 'auth')", ''),
  one('events of another room are judged', REPLAY, 'Flag.Missing | Flag.Foreign | Flag.Cyclic', 'Flag.Missing | Flag.Cyclic'),
  one('tips include rejected events', 'src/resolve/tips.ts', 'verdicts[row] === Verdict.Accepted && continued', 'continued'),
  one('tips: rejected events continue those before them', 'src/resolve/tips.ts', 'if (verdicts[row] !== Verdict.Accepted && continued[row] === 0) continue\n', ''),
  one('events of a wrong form are accepted', REPLAY, 'if (fault !== undefined) {', 'if (false) {'),
  one('content of a wrong hash is believed', 'src/matrix/pdu.ts', 'content: intact ? content : redactContent(named.event, rules)', 'content'),
  one('the digest leaves the state key out', 'src/resolve/digest.ts', '${stateKey}\\0', ''),
]

const RULES: readonly Mistake[] = [
  one('auth events twice in a slot', 'src/auth/rules/auth-events.ts', 'decide: (j) => rejectIf(duplicate(j) >= 0)', 'decide: () => Decision.Pass'),
  one('unexpected auth events', 'src/auth/rules/auth-events.ts', 'decide: (j) => rejectIf(unexpected(j) >= 0)', 'decide: () => Decision.Pass'),
  one('rejected auth events', 'src/auth/rules/auth-events.ts', 'decide: (j) => rejectIf(rejected(j) >= 0)', 'decide: () => Decision.Pass'),
  one('auth events of another room', 'src/auth/rules/auth-events.ts', 'decide: (j) => rejectIf(foreign(j) >= 0)', 'decide: () => Decision.Pass'),
  one('no create event is needed', 'src/auth/rules/auth-events.ts', 'decide: (j) => rejectIf(j.role(Role.Create) < 0)', 'decide: () => Decision.Pass'),
  one('the create event is not implied', VIEW, 'if (graph.rules.roomIdIsCreateHash) view[Role.Create] = graph.create', ''),
  one('knocks do not look at the join rules', VIEW, '[false, true, true, false, false, true, false]', '[false, true, true, false, false, false, false]'),
  one('m.federate false is ignored', JUDGEMENT, 'if (federate === undefined || federate === true) return false', 'return false'),
  one('the target of a membership is not asked for its server', OTHER, 'j.isShutOut(j.targetName) &&', 'false &&'),
  one('bans of an equal', MEMBER, "j.levelOf('ban') && outranks(j)", "j.levelOf('ban')"),
  one('kicks of an equal', MEMBER, 'j.powerOf(j.target) < j.powerOf(j.sender)', 'j.powerOf(j.target) <= j.powerOf(j.sender)'),
  one('a ban takes the kick level', MEMBER, "allowIf(j.powerOf(j.sender) >= j.levelOf('ban')", "allowIf(j.powerOf(j.sender) >= j.levelOf('kick')"),
  one('the banned may leave', MEMBER, 'membership === Membership.Join ||\n    membership === Membership.Invite ||', 'membership === Membership.Join ||\n    membership === Membership.Ban ||\n    membership === Membership.Invite ||'),
  one('lifting a ban takes no power to ban', MEMBER, "rejectIf(isBanned(j) && !(j.powerOf(j.sender) >= j.levelOf('ban')))", 'Decision.Pass'),
  one('a restricted join needs no authoriser', MEMBER, 'decide: (j) => rejectIf(!isAuthorised(j))', 'decide: () => Decision.Pass'),
  one('the authoriser need not be in the room', MEMBER, 'isJoined(j, Role.Authoriser) && j.powerOf', 'j.powerOf'),
  one('the authoriser needs no power', MEMBER, " && j.powerOf(user) >= j.levelOf('invite')", ''),
  one('the authoriser’s server need not sign', MEMBER, 'applies: (j) => j.graph.has(j.event, Flag.AuthoriserUnsigned)', 'applies: () => false'),
  one('the creator may come back at any time', MEMBER, 'return prev.length === 1 && prev[0] === j.role(Role.Create) && j.targetName', 'return j.targetName'),
  one('a signed invite is not verified', JUDGEMENT, 'return thirdParty >= 0 && isSignedInvite', 'return thirdParty >= 0 || isSignedInvite'),
  one('everybody may speak', OTHER, 'rejectIf(j.membershipOf(Role.Sender) !== Membership.Join)', 'Decision.Pass'),
  one('power to send is not asked for', OTHER, 'rejectIf(!(j.powerOf(j.sender) >= j.requiredPower()))', 'Decision.Pass'),
  one('power to send must be exceeded', OTHER, '>= j.requiredPower()', '> j.requiredPower()'),
  one('state keys of others', OTHER, "rejectIf(j.stateKey.startsWith('@') && j.stateKey !== j.senderName)", 'Decision.Pass'),
  one('power levels of an equal may be taken', POWER, '!(before < power)', '!(before <= power)'),
  one('one’s own power may not be given up', POWER, 'what !== j.senderName && before', 'before'),
  one('the new levels judge their own change', POWER, 'j.isState && j.stateKey === \'\' ? j.role(Role.Power) : -1', 'j.isState && j.stateKey === \'\' ? j.event : -1'),
  one('creators may be listed', POWER, 'rejectIf([...j.creatorsAboveAll].some((user) => isListed(j, user)))', 'Decision.Pass'),
  one('creators have the power that is written', JUDGEMENT, 'if (this.#creators.has(name)) return Infinity\n', ''),
  one('additional creators are none', JUDGEMENT, 'new Set([graph.senderName(graph.create), ...names])', 'new Set([graph.senderName(graph.create)])'),
  one('the creator has 100 whatever the power levels say', JUDGEMENT, 'if (row >= 0) return', 'if (name === this.#creator) return 100\n    if (row >= 0) return'),
  one('no join rules mean public', JUDGEMENT, "if (row < 0) return 'invite'", "if (row < 0) return 'public'"),
  one('state takes no more power than messages', 'src/matrix/power-levels.ts', "isState ? 'state_default' : 'events_default'", "'events_default'"),
  one('notifications are not checked', 'src/matrix/power-levels.ts', 'this.#rules.notificationsChecked ?', 'false ?'),
  one('redaction keeps all content', 'src/matrix/redaction.ts', "if (keys === '*') return content", 'return content'),
]

export const MISTAKES: readonly Mistake[] = [...RESOLUTION, ...REPLAYING, ...RULES]
