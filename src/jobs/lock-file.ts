import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { RepriseError } from '../core/errors.ts'

/** What this process holds: whoever finds its own number in a lock that it does not hold has got a dead one's number. */
const held = new Set<string>()

/** How long a lock may stay empty, in milliseconds: its owner writes its name at once. */
const namelessMs = 5000

/**
 * Holds a lock file until what is given back is called. One that a dead process has left is taken over.
 * @param work what whoever holds it does: `is writing these results`
 * @param remedy what else than waiting one may do: `name another file for the results`
 * @throws RepriseError `conflict` while another holds it
 */
export function holdLock(file: string, work: string, remedy: string): () => void {
  const owner = `${hostname()} ${process.pid} ${randomUUID()}`
  for (let attempt = 1; ; attempt++) {
    if (created(file, owner)) break
    const other = textOf(file)
    if (other === undefined) continue
    if (attempt > 5 || isAlive(file, other)) throw inUse(file, other, work, remedy)
    takeAway(file, other, owner)
  }
  held.add(file)
  return function release() {
    if (!held.delete(file)) return
    if (textOf(file) === owner) rmSync(file, { force: true })
  }
}

function created(file: string, owner: string): boolean {
  try {
    writeFileSync(file, owner, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Removes a dead one's lock, and not the one that somebody else has put in its place meanwhile. */
function takeAway(file: string, dead: string, owner: string): void {
  const aside = `${file}.${owner.slice(owner.lastIndexOf(' ') + 1)}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const taken = textOf(aside)
  if (taken !== undefined && taken !== dead) created(file, taken)
  rmSync(aside, { force: true })
}

function isAlive(file: string, owner: string): boolean {
  const [, host, id] = /^(\S+) (\d+) \S+$/.exec(owner) ?? []
  if (host === undefined) return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < namelessMs
  // Of a process elsewhere, in another container perhaps, nothing can be known.
  if (host !== hostname()) return true
  if (Number(id) === process.pid) return held.has(file)
  try {
    process.kill(Number(id), 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function inUse(file: string, owner: string, work: string, remedy: string): RepriseError {
  const [host, id] = owner.split(' ')
  const who = id === undefined ? 'another process' : `process ${id} on ${host}`
  return new RepriseError(
    'conflict',
    `another run ${work}: ${who}; wait until it has ended, ${remedy}, or, if that process is gone, delete ${file}`
  )
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
