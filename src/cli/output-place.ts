import {readlinkSync, realpathSync, statSync} from 'node:fs'
import {basename, dirname, join, resolve} from 'node:path'

/**
 * Where a file is, or would be made: behind links, of which the last may lead to nothing.
 *
 * @returns an absolute path
 */
export function placeOf(path: string, links = 40): string {
  try {
    return realpathSync(path)
  } catch {
    try {
      const target = readlinkSync(path)
      if (links > 0) return placeOf(resolve(folderOf(path), target), links - 1)
    } catch {
      // It is no link.
    }
    return join(folderOf(path), basename(path))
  }
}

function folderOf(path: string): string {
  const folder = dirname(resolve(path))
  try {
    return realpathSync(folder)
  } catch {
    return folder
  }
}

/** A device or a pipe (/dev/stdout, /dev/null): there is nothing to replace, and replacing it would break it for everybody. */
export function isSpecial(path: string): boolean {
  // Redirected into a file, it is that file, which the shell holds open.
  if (/^\/(?:dev\/(?:stdout|stderr|fd\/\d+)|proc\/self\/fd\/\d+)$/.test(path)) return true
  try {
    const stat = statSync(path)
    return !stat.isFile() && !stat.isDirectory()
  } catch {
    // Nothing is there, or nothing can be: that is told where it is written.
    return false
  }
}
