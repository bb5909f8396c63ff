import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

const PROGRAM = path.join(import.meta.dirname, '../../node_modules/gitlab-ci-local/dist/index.js')

/** What GitLab's published schema has against a `.gitlab-ci.yml`, as gitlab-ci-local tells; it runs no job. */
export function complaintsAboutGitlab(content: string): readonly string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-gitlab-'))
  try {
    writeFileSync(path.join(folder, '.gitlab-ci.yml'), content)
    // A home of its own: it would take defaults from one.
    const env = {PATH: process.env['PATH'], HOME: folder}
    const {stdout, stderr} = spawnSync(process.execPath, [PROGRAM, '--list'], {cwd: folder, env, encoding: 'utf8'})
    const said = `${stdout}\n${stderr}`
    if (said.includes('json schema validated')) return []
    const complaints = [...said.matchAll(/^\s*• (.* at .*)$/gmu)].map(([, complaint = '']) => complaint)
    return complaints.length > 0 ? complaints : [said]
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}
