import type {Severity} from '../../finding/finding.ts'
import {Kind, type KindCode, Mark} from '../model/kinds.ts'
import type {Palette} from '../theme.ts'

type Context = CanvasRenderingContext2D

/** Adds the shape of a kind to the path: what tells kinds apart without colour. */
export function traceShape(context: Context, kind: KindCode, x: number, y: number, r: number): void {
  switch (kind) {
    case Kind.Message:
      circle(context, x, y, r * 0.55)
      return
    case Kind.State:
      polygon(context, x, y, r * 0.95, SQUARE)
      return
    case Kind.Member:
      circle(context, x, y, r * 0.9)
      return
    case Kind.Power:
      polygon(context, x, y, r * 1.25, DIAMOND)
      return
    case Kind.Create:
      polygon(context, x, y, r * 1.4, STAR)
      return
    case Kind.Missing:
      circle(context, x, y, r * 0.8)
  }
}

function circle(context: Context, x: number, y: number, r: number): void {
  context.moveTo(x + r, y)
  context.arc(x, y, r, 0, Math.PI * 2)
}

type Corners = readonly (readonly [number, number])[]

function polygon(context: Context, x: number, y: number, r: number, corners: Corners): void {
  corners.forEach(([dx, dy], index) => {
    if (index === 0) context.moveTo(x + dx * r, y + dy * r)
    else context.lineTo(x + dx * r, y + dy * r)
  })
  context.closePath()
}

const SQUARE: Corners = [
  [-0.85, -0.85],
  [0.85, -0.85],
  [0.85, 0.85],
  [-0.85, 0.85],
]
const DIAMOND: Corners = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
]
const STAR: Corners = Array.from({length: 10}, (_, k) => {
  const angle = (k * Math.PI) / 5 - Math.PI / 2
  const r = k % 2 === 0 ? 1 : 0.45
  return [Math.cos(angle) * r, Math.sin(angle) * r] as const
})

export function kindColor(palette: Palette, kind: KindCode): string {
  return [palette.message, palette.state, palette.member, palette.power, palette.create, palette.faint][kind] ?? ''
}

/** One event with all that is to be seen of it. For few events: many are drawn together, by kind. */
export function drawMark(
  context: Context,
  palette: Palette,
  {
    kind,
    marks,
    x,
    y,
    r,
  }: {readonly kind: KindCode; readonly marks: number; readonly x: number; readonly y: number; readonly r: number},
): void {
  context.beginPath()
  traceShape(context, kind, x, y, r)
  const isHollow = (marks & (Mark.SoftFailed | Mark.Undetermined | Mark.Rejected)) !== 0 || kind === Kind.Missing
  if (isHollow) {
    context.fillStyle = palette.background
    context.fill()
    context.lineWidth = Math.max(1, r * 0.25)
    context.strokeStyle = kindColor(palette, kind)
    context.setLineDash(kind === Kind.Missing ? [1.5, 2.5] : (marks & Mark.SoftFailed) !== 0 ? [3, 2] : [])
    context.stroke()
    context.setLineDash([])
  } else {
    context.fillStyle = kindColor(palette, kind)
    context.fill()
  }
  if ((marks & Mark.Rejected) !== 0) drawCross(context, palette.rejected, x, y, r)
  if ((marks & Mark.Undetermined) !== 0 && r > 3) drawText(context, palette, '?', x, y, r * 2)
}

function drawCross(context: Context, color: string, x: number, y: number, r: number): void {
  context.beginPath()
  context.moveTo(x - r, y - r)
  context.lineTo(x + r, y + r)
  context.moveTo(x + r, y - r)
  context.lineTo(x - r, y + r)
  context.lineWidth = Math.max(1.5, r * 0.38)
  context.strokeStyle = color
  context.stroke()
}

function drawText(context: Context, palette: Palette, text: string, x: number, y: number, size: number): void {
  context.font = `bold ${String(Math.round(size))}px ${palette.font}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = palette.text
  context.fillText(text, x, y + 0.5)
}

/** A warning triangle with an exclamation mark: a reset. */
export function drawAlarm(
  context: Context,
  palette: Palette,
  x: number,
  y: number,
  r: number,
  color = palette.reset,
): void {
  context.beginPath()
  context.moveTo(x, y - r)
  context.lineTo(x + r, y + r * 0.8)
  context.lineTo(x - r, y + r * 0.8)
  context.closePath()
  context.fillStyle = color
  context.fill()
  if (r < 5) return
  context.font = `bold ${String(Math.round(r * 1.3))}px ${palette.font}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = palette.background
  context.fillText('!', x, y + r * 0.2)
}

/** Drawn one after the other: what is grave lies on top. */
export const FLAG_ORDER: readonly Severity[] = ['note', 'warning', 'error']

/** A finding: an error is a filled flag, a warning a hollow one, a note a point. */
export function drawFlag(
  context: Context,
  palette: Palette,
  {severity, x, y, r}: {readonly severity: Severity; readonly x: number; readonly y: number; readonly r: number},
): void {
  const color = {error: palette.reset, warning: palette.finding, note: palette.faint}[severity]
  context.fillStyle = color
  context.beginPath()
  if (severity === 'note') {
    context.arc(x, y, r * 0.4, 0, Math.PI * 2)
    context.fill()
    return
  }
  context.moveTo(x - r * 0.6, y - r)
  context.lineTo(x + r, y - r * 0.3)
  context.lineTo(x - r * 0.6, y + r * 0.4)
  context.closePath()
  if (severity === 'error') context.fill()
  else {
    context.strokeStyle = color
    context.lineWidth = Math.max(1, r * 0.22)
    context.stroke()
  }
  context.fillRect(x - r * 0.8, y - r, Math.max(1, r * 0.25), r * 2.1)
}

/** A split diamond: where a server's state first is not the replay's. */
export function drawSplit(context: Context, palette: Palette, x: number, y: number, r: number): void {
  context.beginPath()
  polygon(context, x, y, r, DIAMOND)
  context.fillStyle = palette.background
  context.fill()
  context.lineWidth = Math.max(1, r * 0.25)
  context.strokeStyle = palette.divergence
  context.stroke()
  context.beginPath()
  context.moveTo(x, y - r)
  context.lineTo(x + r, y)
  context.lineTo(x, y + r)
  context.closePath()
  context.fillStyle = palette.divergence
  context.fill()
}
