import {basename} from 'node:path'
import type {ServerView} from '../forensics/server-view.ts'
import {isLiveRoom} from './open-room.ts'
import type {OpenedRoom} from './opened-room.ts'

/**
 * The room with all files called by their names alone: where they lie on the disk of whoever makes a page is nobody's business, and findings
 * repeat what sources are called.
 *
 * @param source - what the user called the room
 */
export function namedForOthers(opened: OpenedRoom, source: string): OpenedRoom {
  const {room, views} = opened
  return {
    ...opened,
    room: {
      ...room,
      source: isLiveRoom(source) ? source : basename(source),
      ...(room.gaps === undefined ? {} : {gaps: room.gaps.map(withoutFolders)}),
    },
    ...(views === undefined ? {} : {views: views.map(ofView)}),
  }
}

function ofView(view: ServerView): ServerView {
  const {recorded, states} = view
  return {
    ...view,
    states: states.map((state) => ({...state, how: fileAlone(state.how)})),
    recorded: recorded === null ? null : {...recorded, how: fileAlone(recorded.how)},
  }
}

/**
 * How something was told, without the folders of the file that told it; paths of HTTP endpoints stay.
 *
 * @example `/state in /home/erin/kept/state.json` → `/state in state.json`
 */
function fileAlone(how: string): string {
  return how.replace(/^(\S+ in |.*\bsqlite:)(.*)$/s, (_, what: string, path: string) => what + basename(path))
}

/** A sentence without the folders of files that it names. */
export function withoutFolders(sentence: string): string {
  return sentence.replace(/"[^"]+"|(?<=^|[\s(:])(?:~|\.\.?)?\/[^\s"]+/g, (found) => {
    const path = found.replaceAll('"', '')
    const isEndpoint =
      !path.includes('/') || /^\/(_matrix|_synapse)\//.test(path) || /^\/+[^/]*$/.test(path) || path.startsWith('//')
    return isEndpoint ? found : found.replace(path, () => basename(path))
  })
}
