import type {PageData} from '../report/explorer/page-data.ts'
import {label, make} from './dom.ts'
import {followKeys, zoomAt} from './keyboard.ts'
import {authChainOf} from './model/auth-chain.ts'
import {marksOf} from './model/kinds.ts'
import {layoutOf} from './model/lanes.ts'
import {levelsOf} from './model/levels.ts'
import {LongEdges} from './model/long-edges.ts'
import {placeOf} from './model/places.ts'
import {openRoom, type Room} from './model/room.ts'
import {fromHash, Selected} from './model/selection.ts'
import {lifeOf, pathOf} from './model/slot-life.ts'
import {standingAfter} from './model/standing.ts'
import {aboutPanel} from './panels/about-panel.ts'
import type {PanelContext} from './panels/context.ts'
import {eventPanel} from './panels/event-panel.ts'
import {findingsPanel} from './panels/findings-panel.ts'
import {header} from './panels/header.ts'
import {helpDialog} from './panels/help.ts'
import {scrubber} from './panels/scrubber.ts'
import {searchPanel} from './panels/search-panel.ts'
import {sidesPanel} from './panels/sides-panel.ts'
import {slotPanel} from './panels/slot-panel.ts'
import {statePanel} from './panels/state-panel.ts'
import {tabs} from './panels/tabs.ts'
import {followLinks} from './router.ts'
import {readPalette, type Themes} from './theme.ts'
import {Camera} from './view/camera.ts'
import {GraphView} from './view/graph-view.ts'
import {Minimap} from './view/minimap.ts'
import type {Flagged, Scene} from './view/scene.ts'

/** Replays the room and puts the page together. */
export function start(data: PageData, root: HTMLElement, themes: Themes): void {
  const room = openRoom(data)
  const flagged = flagsOf(room)
  const scene = sceneOf(room, flagged)
  const selected = new Selected(fromHash(room.graph, location.hash))
  const context: PanelContext = {room, marks: scene.marks, selected}
  const view = new GraphView(scene, selected, themes)
  const minimap = new Minimap(scene)
  view.onRedraw(() => minimap.draw())
  const help = helpDialog(themes)
  const side = tabs(selected, {
    findings: findingsPanel(context),
    event: eventPanel(context),
    state: statePanel(context),
    slot: slotPanel(context),
    sides: sidesPanel(context),
    search: searchPanel(context),
    about: aboutPanel(context),
  })
  showLife(room, selected, view)
  showChain(room, selected, view)
  showStanding(room, selected, view)
  const notice = make('p', {class: 'notice link-notice', role: 'status', hidden: true})
  document.title = `${label(data.room.name ?? room.graph.roomId, 60)} · matrix-state`
  root.replaceChildren(
    header(context, themes, {
      fit: () => scene.camera.fit(),
      zoom: (factor) => scene.camera.zoom(factor, zoomAt(selected, scene.camera)),
      help: () => help.showModal(),
    }),
    notice,
    make('main', {}, make('div', {class: 'stage'}, view.element, minimap.element, scrubber(context)), side),
    help,
  )
  const findingRows = [...new Set(flagged.map(({row}) => row))]
  followKeys({room, selected, camera: scene.camera, themes, findingRows, graph: view.element, help})
  followLinks(room.graph, selected, notice)
  root.dataset['events'] = String(room.graph.size)
  root.dataset['ready'] = 'true'
}

function sceneOf(room: Room, flagged: readonly Flagged[]): Scene {
  const layout = layoutOf(room.graph)
  const marks = marksOf(
    room,
    flagged.filter(({severity}) => severity !== 'note').map(({row}) => row),
  )
  return {
    room,
    layout,
    marks,
    levels: levelsOf(layout, marks),
    longEdges: new LongEdges(room.graph),
    flagged,
    camera: new Camera(layout, room.graph.size),
    palette: readPalette(),
    selectedRow: -1,
    hoverRow: -1,
    life: null,
    chain: null,
    standing: [],
  }
}

/** Where findings lead, in the order of rows; of several on one event, the gravest. */
function flagsOf(room: Room): readonly Flagged[] {
  const byRow = new Map<number, Flagged>()
  for (const finding of room.data.findings) {
    const {row} = placeOf(room, finding)
    if (row >= 0 && !byRow.has(row)) byRow.set(row, {row, severity: finding.severity})
  }
  return [...byRow.values()].sort((a, b) => a.row - b.row)
}

function showLife(room: Room, selected: Selected, view: GraphView): void {
  const show = (): void => {
    const {slot} = selected.now
    view.life = slot < 0 ? null : pathOf(lifeOf(room, slot))
  }
  selected.onChange((now, before) => {
    if (now.slot !== before.slot) show()
  })
  if (selected.now.slot >= 0) show()
}

function showChain(room: Room, selected: Selected, view: GraphView): void {
  const show = (): void => {
    const {row, chain} = selected.now
    view.chain = chain && row >= 0 ? authChainOf(room.graph, row) : null
  }
  selected.onChange((now, before) => {
    if (now.chain !== before.chain || (now.chain && now.row !== before.row)) show()
  })
  if (selected.now.chain) show()
}

/** While the state is looked at, the graph shows which events it is made of. */
function showStanding(room: Room, selected: Selected, view: GraphView): void {
  const show = (): void => {
    const {row, tab} = selected.now
    view.standing = tab === 'state' ? standingAfter(room, row) : []
  }
  selected.onChange((now, before) => {
    if (now.tab !== before.tab || (now.tab === 'state' && now.row !== before.row)) show()
  })
  if (selected.now.tab === 'state') show()
}
