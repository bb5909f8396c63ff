/** Makes pages of the explorer for tests: the room as page data, the page's program bundled from its sources, one HTML file of both. */
import {createHash} from 'node:crypto'
import {gzipSync} from 'node:zlib'
import {bundleExplorer, type ExplorerBundle} from '../../bin/explorer-bundle.ts'
import type {Finding} from '../../src/finding/finding.ts'
import {findResets} from '../../src/forensics/resets.ts'
import {resetStory} from '../../src/forensics/reset-story.ts'
import {packGraph} from '../../src/graph/packed-graph.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {replay} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'

let bundled: Promise<ExplorerBundle> | null = null

export async function pageHtml(data: PageData): Promise<string> {
  const {script, style} = await (bundled ??= bundleExplorer())
  const sha = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none'; script-src ${sha(script)}; style-src ${sha(style)}; img-src data:`
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>matrix-state</title>',
    `<style>${style}</style></head><body><div id="app">Opening…</div>`,
    `<script type="application/octet-stream" id="data">${gzipSync(JSON.stringify(data)).toString('base64')}</script>`,
    `<script>${script}</script></body></html>`,
  ].join('\n')
}

/** What the page holds of a room, messages left out. */
export async function pageDataOf(opened: OpenedRoom, change: Partial<PageData> = {}): Promise<PageData> {
  const {graph} = opened.room
  const result = replay(graph)
  const report = resolveRoom(opened.room, {
    unknowable: opened.unknowable,
    evidenceFindings: opened.findings,
    ...(opened.views === undefined ? {} : {views: opened.views}),
  })
  const diff = await diffRoom(opened)
  const views = opened.views ?? []
  const told = views.flatMap((view) => view.states.map((state) => ({view, state})))
  return {
    schema: 'matrix-state/explorer-page/1',
    madeTs: Date.UTC(2026, 10, 22),
    program: 'matrix-state (a test)',
    room: {
      source: opened.room.source.replace(/^.*\//, ''),
      name: null,
      complete: report.complete,
      unknowable: opened.unknowable,
      open: report.complete ? [] : ['Events that others cite are missing.'],
    },
    reading: 'synapse',
    graph: packGraph(graph),
    contents: {
      kept: 'state',
      messages: [],
      says: ['Contents of state events are in it.', 'Contents of messages are left out.'],
    },
    marks: views.map(({server, marks, extremities}) => {
      const rows = [...marks].map(([id, mark]) => ({row: graph.row(id), mark})).filter(({row}) => row >= 0)
      return {
        server,
        extremities,
        rejected: rows.flatMap(({row, mark}) =>
          typeof mark.rejected === 'string' ? [[row, mark.rejected] as const] : [],
        ),
        softFailed: rows.flatMap(({row, mark}) => (mark.softFailed === true ? [row] : [])),
        outliers: rows.flatMap(({row, mark}) => (mark.outlier === true ? [row] : [])),
      }
    }),
    sides: diff.sides.slice(1).map(({id, server, what, how, eventId, ts}) => ({
      ...{id, server, how, eventId, ts},
      what: what === 'replay' ? ('current' as const) : what,
      slots:
        told
          .find(({view, state}) => view.server === server && state.what === what && state.eventId === eventId)
          ?.state.slots.flatMap(({type, stateKey, eventId: event}) => {
            if (type !== undefined && stateKey !== undefined) return [[type, stateKey, event] as const]
            const slot = graph.slot[graph.row(event)] ?? -1
            return slot < 0 ? [] : [[graph.slotAt(slot).type, graph.slotAt(slot).stateKey, event] as const]
          }) ?? [],
    })),
    differences: diff.differences,
    divergencePoints: diff.divergencePoints,
    findings: bySeverity([...report.findings, ...diff.findings.filter((one) => !isAmong(one, report.findings))]),
    resets: findResets(result, {tips: tipsOf(result)}).map((reset) => ({
      row: reset.merge.at,
      slot: reset.slot,
      lost: reset.lost,
      got: reset.got,
      expected: reset.expected,
      cause: reset.cause,
      says: resetStory(graph, reset),
    })),
    ...change,
  }
}

const RANK = {error: 0, warning: 1, note: 2} as const

function bySeverity(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
}

function isAmong(one: Finding, others: readonly Finding[]): boolean {
  const key = JSON.stringify([one.id, one.subject])
  return others.some((other) => JSON.stringify([other.id, other.subject]) === key)
}
