import type {KindCode} from '../model/kinds.ts'
import {drawAlarm, drawMark} from './draw-marks.ts'
import {drawLabel, markSize} from './draw-room.ts'
import {EVENT_HEIGHT, LABEL_HEIGHT, type Scene} from './scene.ts'

type Context = CanvasRenderingContext2D

/** What changes while the room stands still: the event that is looked at, and the life of a slot. */
export function drawOverlay(context: Context, scene: Scene): void {
  drawStanding(context, scene)
  drawLife(context, scene)
  drawChain(context, scene)
  if (scene.selectedRow >= 0) drawSelected(context, scene)
  if (scene.hoverRow >= 0 && scene.hoverRow !== scene.selectedRow) {
    const {camera, palette} = scene
    ring(context, palette.text, camera.x(scene.hoverRow), camera.y(scene.hoverRow), markSize(camera.rowHeight) + 4, 1)
  }
}

function ring(context: Context, color: string, x: number, y: number, r: number, width: number): void {
  context.beginPath()
  context.arc(x, y, r, 0, Math.PI * 2)
  context.lineWidth = width
  context.strokeStyle = color
  context.stroke()
}

function drawSelected(context: Context, scene: Scene): void {
  const {camera, palette, room, selectedRow: row, marks} = scene
  const [x, y] = [camera.x(row), camera.y(row)]
  // The line of time: what the state table shows is the state here.
  context.globalAlpha = 0.22
  context.fillStyle = palette.selected
  const height = Math.max(2, Math.min(camera.rowHeight, 26))
  // Flags at the margin keep their colours.
  context.fillRect(0, y - height / 2, camera.width - 22, height)
  context.globalAlpha = 1
  if (camera.rowHeight >= EVENT_HEIGHT) {
    const edges = (rows: Int32Array, dash: readonly number[], width: number): void => {
      context.beginPath()
      for (const parent of rows) {
        context.moveTo(x, y)
        const [px, py] = [camera.x(parent), Math.max(-60, camera.y(parent))]
        if (dash.length > 0) context.quadraticCurveTo((x + px) / 2 + 40, (y + py) / 2, px, py)
        else context.lineTo(px, py)
      }
      context.setLineDash([...dash])
      context.lineWidth = width
      context.strokeStyle = palette.selected
      context.stroke()
      context.setLineDash([])
    }
    edges(room.graph.authOf(row), [4, 4], 1.2)
    edges(room.graph.prevOf(row), [], 2)
    // Their lines run over other rows: the words there stay to be read.
    if (camera.rowHeight >= LABEL_HEIGHT) {
      // In the life of a slot they are pale, and stay so.
      const top = scene.life === null ? Math.min(row, ...room.graph.authOf(row), ...room.graph.prevOf(row)) : row
      for (let one = Math.max(camera.first, top); one <= Math.min(row, camera.last); one += 1) {
        drawLabel(context, scene, one)
      }
    }
    const r = Math.max(4, markSize(camera.rowHeight))
    drawMark(context, palette, {
      kind: (marks.kinds[row] ?? 0) as KindCode,
      marks: marks.marks[row] ?? 0,
      x,
      y,
      r,
    })
  }
  ring(context, palette.selected, x, y, Math.max(7, markSize(camera.rowHeight) + 5), 2.5)
}

/** Rows lower than this have no place for a box around an event. */
const BOX_HEIGHT = 3

/** Boxes around the events that the state is made of. */
function drawStanding(context: Context, {camera, standing, palette}: Scene): void {
  if (camera.rowHeight < BOX_HEIGHT) return
  const r = Math.max(3, markSize(camera.rowHeight)) + 3
  context.beginPath()
  for (const row of standing) {
    const y = camera.y(row)
    if (y >= -20 && y <= camera.height + 20) context.rect(camera.x(row) - r, y - r, 2 * r, 2 * r)
  }
  context.lineWidth = 2
  context.strokeStyle = palette.slot
  context.stroke()
}

/** What the event relies on, down to the create event. */
function drawChain(context: Context, scene: Scene): void {
  const {camera, chain, palette, marks} = scene
  if (chain === null) return
  const [above, below] = [-60, camera.height + 60]
  context.beginPath()
  for (const [from, to] of chain.links) {
    const [y1, y2] = [camera.y(from), camera.y(to)]
    // An auth event is older, and stands higher.
    if (y1 < above || y2 > below) continue
    const [x1, x2] = [camera.x(from), camera.x(to)]
    context.moveTo(x1, Math.min(below, y1))
    context.quadraticCurveTo((x1 + x2) / 2 + 40, (y1 + y2) / 2, x2, Math.max(above, y2))
  }
  context.lineWidth = camera.rowHeight < EVENT_HEIGHT ? 1 : 1.6
  context.strokeStyle = palette.selected
  context.setLineDash([5, 3])
  context.stroke()
  context.setLineDash([])
  const r = camera.rowHeight < EVENT_HEIGHT ? 1 : Math.max(4, markSize(camera.rowHeight))
  for (const row of chain.rows) {
    const [x, y] = [camera.x(row), camera.y(row)]
    if (y < above || y > below) continue
    if (r > 1)
      drawMark(context, palette, {kind: (marks.kinds[row] ?? 0) as KindCode, marks: marks.marks[row] ?? 0, x, y, r})
    if (camera.rowHeight >= LABEL_HEIGHT) drawLabel(context, scene, row)
    ring(context, palette.selected, x, y, r + 3, 1.5)
  }
}

/** The life of a slot: its values along the lanes, what led to what, and where it was lost. */
function drawLife(context: Context, scene: Scene): void {
  const {camera, life, palette, marks, room} = scene
  if (life === null) return
  const end = room.graph.size
  const point = (row: number): readonly [number, number] =>
    row < 0 ? [camera.x(end - 1), camera.y(end)] : [camera.x(row), camera.y(row)]
  const seen = (y: number): number => Math.min(camera.height + 60, Math.max(-60, y))
  for (const isLost of [false, true]) {
    context.beginPath()
    for (const link of life.links) {
      if (link.isLost !== isLost) continue
      const [x1, y1] = point(link.from)
      const [x2, y2] = point(link.to)
      if ((y1 < -60 && y2 < -60) || (y1 > camera.height + 60 && y2 > camera.height + 60)) continue
      const bend = Math.min(40, Math.max(4, (y2 - y1) / 2))
      context.moveTo(x1, seen(y1))
      context.lineTo(x1, seen(y2 - bend))
      context.lineTo(x2, seen(y2))
    }
    context.lineWidth = camera.rowHeight < EVENT_HEIGHT ? 1 : 3.5
    context.lineJoin = 'round'
    context.strokeStyle = isLost ? palette.reset : palette.slot
    context.setLineDash(isLost ? [6, 5] : [])
    context.stroke()
    context.setLineDash([])
  }
  const r = camera.rowHeight < EVENT_HEIGHT ? 1 : Math.max(5, markSize(camera.rowHeight))
  for (const {row, isRejected, leadsToNow} of life.sets) {
    const [x, y] = point(row)
    if (y < -20 || y > camera.height + 20) continue
    if (camera.rowHeight >= 3) {
      drawMark(context, palette, {
        kind: (marks.kinds[row] ?? 0) as KindCode,
        marks: isRejected ? (marks.marks[row] ?? 0) : 0,
        x,
        y,
        r,
      })
    }
    if (camera.rowHeight >= LABEL_HEIGHT) drawLabel(context, scene, row)
    ring(context, palette.slot, x, y, r + 3.5, leadsToNow && r > 1 ? 3 : 1.5)
  }
  for (const {row, expected} of life.resets) {
    const [x, y] = point(row)
    if (y < -20 || y > camera.height + 20) continue
    drawAlarm(
      context,
      palette,
      x - r - 15,
      Math.min(y, camera.height - 12),
      9,
      expected ? palette.conflict : palette.reset,
    )
  }
}
