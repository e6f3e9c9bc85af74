import { setImmediate as nextTurn } from 'node:timers/promises'
import { type EmbeddedDatabase, readLatest } from './embedded-environment.ts'
import { afterPrefix, hashOf, kinds, maxNameBytes, namedKey, tagKey, timeBytes } from './embedded-layout.ts'
import { globMatcher, literalPrefix } from './glob.ts'
import type { Selector } from './store.ts'

/** For how long keys are gone through before others have their turn, and how many are given at once. */
const turnMs = 1
const batch = 256

const nothing = Buffer.alloc(0)

/** Keys of the tree that begin alike, each ending in the name of an entry. */
interface Range {
  readonly prefix: Buffer
  readonly nameAt: number
  readonly matches: (name: Buffer) => boolean
}

/**
 * The names of the entries that are selected, in batches, with a turn of the event loop between. Whatever is there
 * from the first to the last is among them. What has expired and is not swept up yet is only when `withExpired`.
 * `check` is called before each batch is read, and throws when the database is being closed.
 */
export async function* selectedNames(
  database: EmbeddedDatabase,
  selector: Selector,
  withExpired: boolean,
  check: () => void
): AsyncGenerator<readonly Buffer[]> {
  if ('key' in selector) {
    const name = Buffer.from(selector.key)
    if (name.length > maxNameBytes) return
    if (withExpired || readLatest(database, () => isLive(database, name, Date.now()))) yield [name]
    return
  }
  const range = rangeOf(selector)
  if (range.prefix.length - range.nameAt > maxNameBytes) return
  for (let start: Buffer | undefined = range.prefix; start !== undefined; ) {
    const from: Buffer = start
    check()
    const { names, next } = readLatest(database, () => readSome(database, range, from, withExpired))
    if (names.length > 0) yield names
    start = next
    if (start !== undefined) await nextTurn()
  }
}

/** Reads for as long as one turn may take; `next` is where to go on, undefined at the end. */
function readSome(
  database: EmbeddedDatabase,
  { prefix, nameAt, matches }: Range,
  start: Buffer,
  withExpired: boolean
): { readonly names: readonly Buffer[]; readonly next: Buffer | undefined } {
  const untilMs = performance.now() + turnMs
  const nowMs = Date.now()
  const names: Buffer[] = []
  for (const key of database.getKeys({ start, end: afterPrefix(prefix) }) as Iterable<Buffer>) {
    const name = key.subarray(nameAt)
    if (matches(name) && (withExpired || isLive(database, name, nowMs))) names.push(name)
    if (names.length === batch || performance.now() >= untilMs)
      return { names, next: Buffer.concat([key, Buffer.from([0])]) }
  }
  return { names, next: undefined }
}

function rangeOf(selector: Exclude<Selector, { readonly key: string }>): Range {
  if ('tag' in selector) {
    const prefix = tagKey(hashOf(selector.tag), nothing)
    return { prefix, nameAt: prefix.length, matches: () => true }
  }
  if (!('pattern' in selector)) {
    const prefix = 'prefix' in selector ? selector.prefix : ''
    return { prefix: namedKey(kinds.record, Buffer.from(prefix)), nameAt: 1, matches: () => true }
  }
  const matches = globMatcher(selector.pattern)
  const prefix = namedKey(kinds.record, Buffer.from(literalPrefix(selector.pattern)))
  return { prefix, nameAt: 1, matches: (name) => matches(name.toString()) }
}

function isLive(database: EmbeddedDatabase, name: Buffer, nowMs: number): boolean {
  const record = database.getBinaryFast(namedKey(kinds.record, name))
  return record !== undefined && record.readUIntBE(0, timeBytes) > nowMs
}
