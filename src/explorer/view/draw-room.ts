import {GRAVE_MARKS, Kind, type KindCode, KINDS, Mark} from '../model/kinds.ts'
import {levelFor, Part, PARTS} from '../model/levels.ts'
import {SHORT_EDGE} from '../model/long-edges.ts'
import {eventLabel} from '../model/words.ts'
import {drawAlarm, drawFlag, FLAG_ORDER, drawMark, drawSplit, kindColor, traceShape} from './draw-marks.ts'
import {EVENT_HEIGHT, LABEL_HEIGHT, type Scene, SHAPE_HEIGHT} from './scene.ts'

type Context = CanvasRenderingContext2D

/** The part of the room that is in view, as closely as its size allows. */
export function drawRoom(context: Context, scene: Scene): void {
  drawLanes(context, scene)
  if (scene.room.graph.size === 0) return
  context.globalAlpha = scene.life === null ? 1 : 0.4
  if (scene.camera.rowHeight < EVENT_HEIGHT) drawBuckets(context, scene)
  else drawEvents(context, scene)
  context.globalAlpha = 1
  drawMargin(context, scene)
}

function drawLanes(context: Context, {camera, layout, palette}: Scene): void {
  context.fillStyle = palette.background
  context.fillRect(0, 0, camera.width, camera.height)
  context.fillStyle = palette.lane
  layout.lanes.forEach((_, lane) => {
    if (lane % 2 === 0) context.fillRect(camera.laneX(lane), 0, camera.laneWidth(lane), camera.height)
  })
}

function drawBuckets(context: Context, {camera, layout, levels, palette}: Scene): void {
  const {size, counts, marks, buckets, most} = levelFor(levels, camera.rowHeight, 3)
  const lanes = layout.lanes.length
  const height = size * camera.rowHeight
  const first = Math.max(0, Math.floor(camera.top / size))
  const last = Math.min(buckets - 1, Math.floor(camera.rowAt(camera.height) / size))
  const colors = [palette.message, palette.state, palette.member, palette.power, palette.rejected]
  const widths = layout.lanes.map((_, lane) => camera.laneWidth(lane) - 16)
  for (let part = 0; part < PARTS; part += 1) {
    context.fillStyle = colors[part] ?? ''
    for (let bucket = first; bucket <= last; bucket += 1) {
      const y = (bucket * size - camera.top) * camera.rowHeight
      for (let lane = 0; lane < lanes; lane += 1) {
        const cell = (bucket * lanes + lane) * PARTS
        const here = counts[cell + part] ?? 0
        if (here === 0) continue
        let [before, events] = [0, 0]
        for (let k = 0; k < PARTS; k += 1) {
          if (k === part) before = events
          events += counts[cell + k] ?? 0
        }
        // By the root: a lane with few events among busy ones is to be seen, too.
        const unit = ((widths[lane] ?? 0) * Math.sqrt(events / most)) / events
        const width = Math.max(part === Part.Message ? 1 : 2, here * unit)
        context.fillRect(camera.laneX(lane) + 10 + before * unit, y, width, Math.max(1, height - 0.6))
      }
    }
  }
  const signs: [number, number, number][] = []
  for (let bucket = first; bucket <= last; bucket += 1) {
    const y = (bucket * size - camera.top) * camera.rowHeight
    for (let lane = 0; lane < lanes; lane += 1) {
      const mark = marks[bucket * lanes + lane] ?? 0
      const x = camera.laneX(lane) + 3
      if ((mark & Mark.Dispute) !== 0) {
        context.fillStyle = palette.conflict
        context.fillRect(x, y, 5, Math.max(2, height))
      }
      const grave = GRAVE_MARKS.find((bit) => (mark & bit) !== 0) ?? 0
      if (grave === Mark.Reset || grave === Mark.Divergence) signs.push([grave, x + 3, y + height / 2])
    }
  }
  for (const [grave, x, y] of signs) {
    if (grave === Mark.Reset) {
      context.fillStyle = palette.reset
      context.fillRect(0, y - 1, camera.width, 2)
      drawAlarm(context, palette, x + 6, y, 8)
    } else drawSplit(context, palette, x + 6, y, 7)
  }
}

function drawEvents(context: Context, scene: Scene): void {
  const {camera} = scene
  const {first, last} = camera
  drawEdges(context, scene, first, last)
  drawMerges(context, scene, first, last)
  if (camera.rowHeight < SHAPE_HEIGHT) drawTicks(context, scene, first, last)
  else drawShapes(context, scene, first, last)
  if (camera.rowHeight >= LABEL_HEIGHT) drawLabels(context, scene, first, last)
}

function drawEdges(context: Context, {camera, room, palette, longEdges}: Scene, first: number, last: number): void {
  const {starts, edges} = room.graph.prev
  const h = camera.rowHeight
  const bend = Math.min(h, 18)
  const line = (child: number, parent: number): void => {
    const [x1, y1] = [camera.x(parent), Math.max(-50, camera.y(parent))]
    const [x2, y2] = [camera.x(child), Math.min(camera.height + 50, camera.y(child))]
    context.moveTo(x1, y1)
    // Down where the parent stands, and over to the child at the end: only the last step crosses other lanes.
    if (x1 !== x2 && y2 - y1 > bend * 1.5) context.lineTo(x1, y2 - bend)
    context.lineTo(x2, y2)
  }
  context.beginPath()
  const end = Math.min(room.graph.size - 1, last + SHORT_EDGE)
  for (let row = first; row <= end; row += 1) {
    for (let k = starts[row] ?? 0, to = starts[row + 1] ?? 0; k < to; k += 1) {
      const parent = edges[k] ?? 0
      // Of those that are below the window, only what reaches into it or through it.
      if (row - parent <= SHORT_EDGE && parent <= last) line(row, parent)
    }
  }
  longEdges.forEachAcross(first, last, line)
  context.strokeStyle = palette.line
  context.lineWidth = Math.min(1.6, Math.max(0.5, h / 10))
  context.stroke()
}

/** Merges of states that differed: a thick bar from branch to branch, to be seen from afar; red where something was lost. */
function drawMerges(context: Context, {camera, room, palette, marks}: Scene, first: number, last: number): void {
  const thick = Math.min(9, Math.max(3, camera.rowHeight * 0.4))
  for (let row = first; row <= last; row += 1) {
    const mark = marks.marks[row] ?? 0
    if ((mark & (Mark.Conflict | Mark.Dispute | Mark.Reset)) === 0) continue
    const y = camera.y(row)
    const isReset = (mark & Mark.Reset) !== 0
    const isLoud = (mark & (Mark.Dispute | Mark.Reset)) !== 0
    if (isReset) {
      context.fillStyle = palette.reset
      context.fillRect(0, y - 1, camera.width, 2)
    }
    let [from, to] = [camera.x(row), camera.x(row)]
    for (const parent of room.graph.prevOf(row)) {
      from = Math.min(from, camera.x(parent))
      to = Math.max(to, camera.x(parent))
    }
    const pad = Math.min(9, thick * 1.5) + 3
    context.fillStyle = isReset ? palette.reset : palette.conflict
    // Pale from branch to branch, so that words on it can be read; full around the event that merges.
    const alpha = context.globalAlpha
    context.globalAlpha = alpha * (camera.rowHeight < LABEL_HEIGHT ? 0.75 : 0.4)
    const height = isLoud ? thick : thick / 3
    context.beginPath()
    context.roundRect(from - pad, y - height / 2, to - from + pad * 2, height, height / 2)
    context.fill()
    context.globalAlpha = alpha
    // Where a branch had only not heard of something, a line: what people look for is where branches disagreed.
    if (!isLoud) continue
    const half = Math.max(thick, markSize(camera.rowHeight) + 4)
    context.beginPath()
    context.roundRect(camera.x(row) - half, y - half * 0.8, half * 2, half * 1.6, half * 0.5)
    context.fill()
  }
}

/** Too small for shapes: a tick each, as wide as it matters. */
function drawTicks(context: Context, {camera, marks, palette}: Scene, first: number, last: number): void {
  const height = Math.max(1, camera.rowHeight - 0.5)
  for (let kind = 0; kind < KINDS; kind += 1) {
    context.fillStyle = kindColor(palette, kind as KindCode)
    const width = kind === Kind.Message ? 5 : 9
    for (let row = first; row <= last; row += 1) {
      if (marks.kinds[row] === kind)
        context.fillRect(camera.x(row) - width / 2, camera.y(row) - height / 2, width, height)
    }
  }
  context.fillStyle = palette.rejected
  for (let row = first; row <= last; row += 1) {
    if (((marks.marks[row] ?? 0) & Mark.Rejected) !== 0)
      context.fillRect(camera.x(row) - 5, camera.y(row) - height / 2, 10, height)
  }
}

const SPECIAL = Mark.Rejected | Mark.SoftFailed | Mark.Undetermined

export function markSize(rowHeight: number): number {
  return Math.min(7, Math.max(2, rowHeight * 0.36))
}

function drawShapes(context: Context, {camera, marks, palette}: Scene, first: number, last: number): void {
  const r = markSize(camera.rowHeight)
  for (let kind = 0; kind < Kind.Missing; kind += 1) {
    context.beginPath()
    for (let row = first; row <= last; row += 1) {
      if (marks.kinds[row] !== kind || ((marks.marks[row] ?? 0) & SPECIAL) !== 0) continue
      traceShape(context, kind as KindCode, camera.x(row), camera.y(row), r)
    }
    context.lineWidth = 2
    context.strokeStyle = palette.background
    context.stroke()
    context.fillStyle = kindColor(palette, kind as KindCode)
    context.fill()
  }
  for (let row = first; row <= last; row += 1) {
    const kind = (marks.kinds[row] ?? 0) as KindCode
    const mark = marks.marks[row] ?? 0
    const [x, y] = [camera.x(row), camera.y(row)]
    if (kind === Kind.Missing || (mark & SPECIAL) !== 0) drawMark(context, palette, {kind, marks: mark, x, y, r})
    // Clear of the bar of a merge.
    const left = x - Math.max(r, (mark & (Mark.Dispute | Mark.Reset)) === 0 ? 0 : r + 4) - 9
    if ((mark & Mark.Reset) !== 0) drawAlarm(context, palette, left, y, Math.max(6, r))
    if ((mark & Mark.Divergence) !== 0) drawSplit(context, palette, left, y, Math.max(6, r))
  }
}

function drawLabels(context: Context, scene: Scene, first: number, last: number): void {
  for (let row = first; row <= last; row += 1) drawLabel(context, scene, row)
}

/** Words beside an event. A row has one event: they may run over other lanes, and stand left where there is no place to the right. */
export function drawLabel(context: Context, {camera, layout, room, marks, palette}: Scene, row: number): void {
  const lane = layout.laneOf[row] ?? 0
  const free = camera.endOfPlaces(lane) + 13
  const right = camera.width - free - 24
  const isLeft = right < 96 && camera.x(row) > right
  const x = isLeft ? camera.x(row) - 26 : free
  const y = camera.y(row) + 0.5
  const size = Math.min(13, Math.max(10, Math.round(camera.rowHeight * 0.55)))
  const text = clipTo(eventLabel(room, row), isLeft ? x - 6 : right, size)
  context.font = `${String(size)}px ${palette.font}`
  context.textAlign = isLeft ? 'right' : 'left'
  context.textBaseline = 'middle'
  // On a plate of the background: lines and bars that run behind words would strike them out.
  const {width} = context.measureText(text)
  const alpha = context.globalAlpha
  context.globalAlpha = alpha * 0.88
  context.fillStyle = lane % 2 === 0 ? palette.lane : palette.background
  context.beginPath()
  context.roundRect(isLeft ? x - width - 2 : x - 2, y - size * 0.7, width + 5, size * 1.35, 3)
  context.fill()
  context.globalAlpha = alpha
  const isFaint = marks.kinds[row] === Kind.Message || marks.kinds[row] === Kind.Missing
  context.fillStyle = isFaint ? palette.faint : palette.text
  context.fillText(text, x, y)
}

/** As much of the text as fits; by the width of an average letter, as measuring each text costs more than drawing it. */
function clipTo(text: string, width: number, size: number): string {
  const letters = Math.floor(width / (size * 0.54))
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`
}

/** Findings at the right margin, where they are in view. */
function drawMargin(context: Context, {camera, flagged, palette}: Scene): void {
  for (const severity of FLAG_ORDER) {
    let above = -Infinity
    for (const flag of flagged) {
      if (flag.severity !== severity || flag.row < camera.first - 1 || flag.row > camera.last + 1) continue
      const y = camera.y(flag.row)
      if (y - above < 4) continue
      above = y
      drawFlag(context, palette, {severity, x: camera.width - 10, y, r: 7})
    }
  }
}
