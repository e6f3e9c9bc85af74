import { mkdirSync, realpathSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { RootDatabase, RootDatabaseOptionsWithPath } from 'lmdb'
import { messageOf, RepriseError } from '../core/errors.ts'
import { EmbeddedGate } from './embedded-gate.ts'
import { damageOf } from './embedded-inspect.ts'
import { keyEncoder } from './embedded-layout.ts'
import { WriteQueue } from './embedded-queue.ts'

export type EmbeddedDatabase = RootDatabase<Buffer, string | Buffer>

/** One open folder. All stores of a process that use the folder share it. */
export interface Environment {
  readonly folder: string
  readonly database: EmbeddedDatabase
  readonly queue: WriteQueue
  readonly pageSize: number
  /** Writes what is queued, and closes when this was the last store that uses it. */
  leave(): Promise<void>
}

/**
 * The environments that are open in this thread. A second one in the same folder would wait for the write lock in
 * the thread that must run before the first can give it back.
 */
const open = new Map<string, { environment: Promise<Environment>; users: number }>()

/** How long `leave` waits for writes that another process holds up. */
const leaveWithinMs = 5000

/**
 * Opens the folder's environment, made where there is none.
 * @throws RepriseError `invalid-option` when the folder cannot be used, `missing-dependency`, `store-unavailable`
 */
export async function enterEnvironment(folder: string, mapBytes: number): Promise<Environment> {
  const path = prepareFolder(folder)
  const shared = open.get(path) ?? { environment: openEnvironment(path, mapBytes), users: 0 }
  open.set(path, shared)
  shared.users++
  try {
    return await shared.environment
  } catch (error) {
    if (open.get(path) === shared) open.delete(path)
    throw error
  }
}

async function openEnvironment(folder: string, mapBytes: number): Promise<Environment> {
  const lmdb = await importLmdb()
  const file = join(folder, 'entries.mdb')
  const gate = new EmbeddedGate(folder)
  let database: EmbeddedDatabase
  try {
    database = await gate.whileNobodyWrites(async () => {
      if (statSync(file, { throwIfNoEntry: false }) !== undefined) {
        const damage = damageOf(file)
        if (damage !== undefined) setAside(file, damage)
      }
      try {
        return openDatabase(lmdb, file, mapBytes)
      } catch (error) {
        if (!isDamage(error)) throw error
        setAside(file, messageOf(error))
        return openDatabase(lmdb, file, mapBytes)
      }
    })
  } catch (error) {
    throw error instanceof RepriseError ? error : unusable(folder, 'write to', error)
  }
  const queue = new WriteQueue(database, gate)
  const { pageSize } = database.getStats() as { pageSize: number }
  return { folder, database, queue, pageSize, leave: () => leave(folder, database, queue) }
}

async function leave(folder: string, database: EmbeddedDatabase, queue: WriteQueue): Promise<void> {
  const shared = open.get(folder)
  if (shared === undefined) return
  if (--shared.users > 0) return queue.idle()
  open.delete(folder)
  await queue.end(leaveWithinMs)
  await database.close()
}

type Lmdb = typeof import('lmdb')

async function importLmdb(): Promise<Lmdb> {
  try {
    return await import('lmdb')
  } catch (error) {
    throw new RepriseError(
      'missing-dependency',
      `the embedded store needs the package lmdb, which cannot be loaded here (${messageOf(error)}): npm install lmdb, or use memory: or redis://`,
      { cause: error }
    )
  }
}

function openDatabase(lmdb: Lmdb, path: string, mapSize: number): EmbeddedDatabase {
  const options = {
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoder,
    maxDbs: 1,
    // Address space, not memory. LMDB can grow it, but each time leaves the old map where it was.
    mapSize,
    permissionsMode: 0o600
  } as const satisfies RootDatabaseOptionsWithPath & { permissionsMode: number }
  return lmdb.open<Buffer, string | Buffer>(options)
}

/** True for what LMDB says of a file that is not what it should be. */
function isDamage(error: unknown): boolean {
  return /MDB_(INVALID|VERSION_MISMATCH|CORRUPTED|PAGE_NOTFOUND|BAD_CHECKSUM)/.test(messageOf(error))
}

/** Keeps a damaged file for whoever wants to know, and makes room for a new one. */
function setAside(file: string, damage: string): void {
  const aside = `${file}.damaged-${new Date().toISOString().replace(/[-:.]/g, '')}`
  renameSync(file, aside)
  try {
    unlinkSync(`${file}-lock`)
  } catch {
    // There was none.
  }
  process.emitWarning(`${file} is damaged (${damage}). It was renamed to ${aside}, and the store begins empty.`, {
    code: 'REPRISE_DAMAGED_STORE'
  })
}

function prepareFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return realpathSync(folder)
  } catch (error) {
    throw unusable(folder, 'create', error)
  }
}

function unusable(folder: string, what: string, error: unknown): RepriseError {
  return new RepriseError(
    'invalid-option',
    `cannot ${what} the store's folder ${folder}: ${messageOf(error)}; choose a folder that this user may write to (embedded:FOLDER), or use memory:`,
    { cause: error }
  )
}
