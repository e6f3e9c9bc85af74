import { foreverMs } from '../core/duration.ts'
import { RepriseError } from '../core/errors.ts'
import type { PartitionedVector, Selector } from './store.ts'

const maxBytesOf = { key: 1024, tag: 1024, partition: 512 } as const
const maxVectorBytes = 65_536
/** More than any key or tag has, so that a pattern may have some stars more; each is remembered among thousands. */
const maxSelectorBytes = 4096

/**
 * Refuses a key, tag or partition that not every store could keep: the stores differ in what they would do with it.
 * @throws RepriseError `invalid-option`
 */
export function checkName(what: keyof typeof maxBytesOf, text: string): void {
  const maxNameBytes = maxBytesOf[what]
  // A UTF-16 unit takes at most three bytes, so that most texts need not be measured.
  const fits = text.length <= maxNameBytes / 3 || Buffer.byteLength(text) <= maxNameBytes
  if (text.length > 0 && fits && !text.includes('\0')) return
  const got =
    text.length > 40
      ? `${JSON.stringify(text.slice(0, 40))}... (${Buffer.byteLength(text)} bytes)`
      : JSON.stringify(text)
  throw new RepriseError('invalid-option', `${what}: expected 1 to ${maxNameBytes} bytes without NUL, got ${got}`)
}

/**
 * Each of the tags once.
 * @throws RepriseError `invalid-option` for one that not every store could keep
 */
export function checkTags(tags: readonly string[]): readonly string[] {
  for (const tag of tags) checkName('tag', tag)
  return [...new Set(tags)]
}

/**
 * Refuses a vector that not every store could keep.
 * @throws RepriseError `invalid-option`
 */
export function checkVector(vector: PartitionedVector | undefined): void {
  if (vector === undefined) return
  checkName('partition', vector.partition)
  const { length } = vector.bytes
  if (length <= maxVectorBytes) return
  throw new RepriseError('invalid-option', `vector: expected up to ${maxVectorBytes} bytes, got ${length}`)
}

/**
 * Refuses what is no mark, of a `set` or of whoever asks what was deleted.
 * @throws RepriseError `invalid-option`
 */
export function checkMark(mark: number | undefined): void {
  if (mark === undefined || Number.isSafeInteger(mark)) return
  throw new RepriseError('invalid-option', `mark: expected a whole number, as a store gave it, got ${mark}`)
}

/**
 * Refuses a selector that is too long for a store to remember what it has deleted by.
 * @throws RepriseError `invalid-option`
 */
export function checkSelector(selector: Selector): void {
  for (const [name, value] of Object.entries(selector)) {
    if (typeof value !== 'string' || value.length <= maxSelectorBytes / 3) continue
    const length = Buffer.byteLength(value)
    if (length <= maxSelectorBytes) continue
    const message = `${name}: expected up to ${maxSelectorBytes} bytes, got ${length}`
    throw new RepriseError('invalid-option', message)
  }
}

/**
 * A time to live as whole milliseconds, rounded up.
 * @throws RepriseError `invalid-option` when it is not a number above 0
 */
export function wholeTtl(ttlMs: number): number {
  if (!(ttlMs > 0)) throw new RepriseError('invalid-option', `ttlMs: expected a number above 0, got ${ttlMs}`)
  return Math.min(Math.ceil(ttlMs), foreverMs)
}

/**
 * Refuses what a counter cannot be increased by, or bounded with.
 * @throws RepriseError `invalid-option`
 */
export function checkStep(by: number, atMost: number | undefined): void {
  if (!Number.isSafeInteger(by)) throw new RepriseError('invalid-option', `by: expected a whole number, got ${by}`)
  if (atMost !== undefined && !Number.isSafeInteger(atMost))
    throw new RepriseError('invalid-option', `atMost: expected a whole number, got ${atMost}`)
}

/** Whether a step would take a counter beyond its bound. Exact although the sum may not be: rounding keeps the order. */
export function isBeyond(count: number, by: number, atMost: number | undefined): boolean {
  return atMost !== undefined && by > 0 && count + by > atMost
}

/**
 * Refuses a bound that is no number of bytes, or so small that nothing fits.
 * @throws RepriseError `invalid-option`
 */
export function checkMaxBytes(maxBytes: number, atLeast: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= atLeast) return
  throw new RepriseError('invalid-option', `maxBytes: expected a whole number of at least ${atLeast}, got ${maxBytes}`)
}

/** The error of a call that comes after `close`. */
export function closedError(store: string): RepriseError {
  return new RepriseError('store-closed', `the ${store} store has been closed`)
}

/** The error of an entry that a store has no room for. */
export function tooLargeError(store: string, bytes: number, most: number): RepriseError {
  return new RepriseError(
    'body-too-large',
    `the ${store} store takes entries of up to ${most} bytes, got one of ${bytes}`
  )
}
