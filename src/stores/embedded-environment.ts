import { accessSync, constants, mkdirSync, realpathSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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

/** No more address space than any 64-bit system has to give. */
const maxMapBytes = 1024 ** 4

/** How long `leave` waits for writes that another process holds up. */
const leaveWithinMs = 5000
/** How long it waits for the disk after that. */
const flushWithinMs = 2000

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

/**
 * Reads the state of this moment: without that, what another process has just acknowledged could be missed.
 * @throws RepriseError `store-unavailable`
 */
export function readLatest<Result>(database: EmbeddedDatabase, read: () => Result): Result {
  try {
    database.resetReadTxn()
    return read()
  } catch (error) {
    throw unreadable(error)
  }
}

/** What a failed read is reported as. */
export function unreadable(error: unknown): RepriseError {
  return new RepriseError('store-unavailable', `the embedded store cannot read: ${messageOf(error)}`, { cause: error })
}

async function openEnvironment(folder: string, mapBytes: number): Promise<Environment> {
  const lmdb = await importLmdb()
  const file = join(folder, 'entries.mdb')
  const gate = new EmbeddedGate(folder)
  let database: EmbeddedDatabase
  try {
    database = await gate.whileNobodyWrites(async () => {
      // All that could make the opening fail is looked at before: `lmdb` crashes when it does.
      for (const each of [file, `${file}-lock`]) checkFile(each)
      const damage = statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : damageOf(file)
      if (damage !== undefined) setAside(file, damage)
      return openDatabase(lmdb, file, mapBytes)
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
  // All is committed by now. After a commit that failed, lmdb waits for ever for its being on the disk.
  const abandon = new AbortController()
  const late = delay(flushWithinMs, undefined, { signal: abandon.signal }).catch(() => {})
  await Promise.race([database.close(), late])
  abandon.abort()
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
    // The queue batches by itself. With lmdb's own batching on top, a commit that fails rejects a promise that nobody
    // has, and ends the process.
    eventTurnBatching: false,
    // Address space, not memory. LMDB can grow it, but each time leaves the old map where it was.
    mapSize: Math.min(mapSize, maxMapBytes),
    permissionsMode: 0o600
  } as const satisfies RootDatabaseOptionsWithPath & { permissionsMode: number }
  return lmdb.open<Buffer, string | Buffer>(options)
}

/** Throws for what is there and is no file that may be read and written. */
function checkFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isFile()) throw new Error(`${path} is not a file`)
  accessSync(path, constants.R_OK | constants.W_OK)
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
    makeFolder(folder)
    return realpathSync(folder)
  } catch (error) {
    throw unusable(folder, 'create', error)
  }
}

/** Not Node's own way to make those above it too: under /proc that goes on for ever. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error
    makeFolder(dirname(folder))
    mkdirSync(folder, { mode: 0o700 })
  }
}

function unusable(folder: string, what: string, error: unknown): RepriseError {
  return new RepriseError(
    'invalid-option',
    `cannot ${what} the store's folder ${folder}: ${messageOf(error)}; choose a folder that this user may write to (embedded:FOLDER), or use memory:`,
    { cause: error }
  )
}
