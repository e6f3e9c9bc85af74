import { RepriseError } from '../core/errors.ts'
import { isObject, type Json } from '../core/json.ts'
import { modelPrefix } from '../core/key.ts'
import type { Selection } from '../core/selection.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { recordKey } from '../stores/namespace.ts'

/** Which entries are wanted: those for which all of it is true. */
export interface Wanted {
  readonly tag?: string
  readonly kind?: string
  readonly model?: string
  readonly prefix?: string
  /** In what was asked or answered, whatever its case. */
  readonly text?: string
  /** The most that are given. Default: 50. */
  readonly limit?: number
}

export interface Listing {
  /** The latest first. */
  readonly entries: readonly Entry[]
  /** How many were looked at. */
  readonly looked: number
  /** There may be more. */
  readonly truncated: boolean
}

/** A request that was kept beside its answer. */
export interface RecordedRequest {
  /** What its kind made of it. */
  readonly record: Json
  readonly scope: readonly string[]
  readonly tags: readonly string[]
  readonly tenant?: string
}

/** More are not looked at for one question: it is somebody who waits for it. */
const mostLooked = 5000
const atOnce = 64
/** In bytes: what a store takes, less the longest name of a namespace and its colon. */
const longestKey = 1024 - 65

/** What is in the cache, for those who look after it. */
export class Inventory {
  readonly #entries: Entries

  constructor(entries: Entries) {
    this.#entries = entries
  }

  /** @throws what the store fails with */
  async list(wanted: Wanted): Promise<Listing> {
    const { limit = 50 } = wanted
    let found: Entry[] = []
    let matching = 0
    let looked = 0
    let truncated = false
    reading: for await (const batch of this.#entries.keys(selectionOf(wanted))) {
      for (let at = 0; at < batch.length; at += atOnce) {
        const keys = batch.slice(at, at + atOnce)
        const entries = await Promise.all(keys.map((key) => this.#entries.get(key)))
        const wantedOnes = entries.filter((entry): entry is Entry => entry !== undefined && matches(entry, wanted))
        matching += wantedOnes.length
        // Answers may be large, and few are given.
        found = latest([...found, ...wantedOnes], limit)
        looked += keys.length
        if (looked < mostLooked) continue
        truncated = true
        break reading
      }
    }
    return { entries: found, looked, truncated: truncated || matching > limit }
  }

  async get(key: string): Promise<Entry | undefined> {
    // Whatever somebody has typed: the store is not to be asked for what no store keeps, and be found to have failed.
    const isKey = Buffer.byteLength(key) <= longestKey && !key.includes('\0')
    return isKey ? this.#entries.get(key) : undefined
  }

  /** How many entries are selected. @throws what the store fails with */
  async count(selection: Selection): Promise<number> {
    let count = 0
    for await (const batch of this.#entries.keys(selection)) count += batch.length
    return count
  }

  /** What was asked for the answer under `key`; undefined when that was not kept. */
  async recorded(key: string): Promise<RecordedRequest | undefined> {
    const kept = await this.#entries.get(recordKey(key))
    if (kept === undefined) return undefined
    const value: unknown = JSON.parse(Buffer.from(kept.body).toString())
    if (!isObject(value)) throw new RepriseError('internal', `what is kept beside ${key} is no request`)
    const request = value as unknown as RecordedRequest
    // Its answer may have been given others since.
    return { ...request, tags: [...new Set([...request.tags, ...kept.tags])] }
  }
}

/** The narrowest selection that has all that is wanted. */
function selectionOf({ tag, kind, model, prefix }: Wanted): Selection {
  if (tag !== undefined) return { tag }
  if (prefix !== undefined) return { prefix }
  if (kind !== undefined) return model === undefined ? { kind } : { prefix: modelPrefix(kind, model) }
  return model === undefined ? { all: true } : { model }
}

function matches(entry: Entry, { tag, kind, model, prefix, text }: Wanted): boolean {
  if (tag !== undefined && !entry.tags.includes(tag)) return false
  if (kind !== undefined && entry.kind !== kind) return false
  if (prefix !== undefined && !entry.key.startsWith(prefix)) return false
  if (model !== undefined && !entry.key.startsWith(modelPrefix(entry.kind, model))) return false
  if (text === undefined) return true
  const wanted = text.toLowerCase()
  if (entry.text?.toLowerCase().includes(wanted)) return true
  const body = Buffer.from(entry.body).toString()
  return body.toLowerCase().includes(wanted) || textsIn(body).some((one) => one.toLowerCase().includes(wanted))
}

/** The texts in what is JSON: quotes, line ends and whatever else a provider likes to escape stand in it otherwise. */
function textsIn(body: string): readonly string[] {
  // Nothing is escaped: all of it has been seen.
  if (!body.includes('\\')) return []
  const texts: string[] = []
  try {
    JSON.parse(body, (_name, value: unknown) => {
      if (typeof value === 'string') texts.push(value)
      return value
    })
  } catch {
    // No JSON, or nested too deep to be walked.
  }
  return texts
}

function latest(entries: readonly Entry[], limit: number): Entry[] {
  return entries.toSorted((one, other) => other.storedAtMs - one.storedAtMs).slice(0, limit)
}
