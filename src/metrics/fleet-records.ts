import { Breaker } from '../core/breaker.ts'
import { foreverMs } from '../core/duration.ts'
import { RepriseError } from '../core/errors.ts'
import type { Observe } from '../core/events.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { Seal } from '../stores/seal.ts'
import type { Lease, Store } from '../stores/store.ts'
import { snapshotOf } from './merged.ts'
import type { Snapshot } from './snapshot.ts'

/** What a process has counted, as it lies in the store. */
export interface FleetRecord {
  /** A `closed` one is never written again: its process has ended, or goes on under another id. */
  readonly state: 'live' | 'closed'
  /** Counts the writes under an id. */
  readonly number: number
  readonly writtenAtMs: number
  readonly snapshot: Snapshot
}

/** What processes that have ended had counted, together. */
export interface Retired {
  /** Counts the writes. */
  readonly revision: number
  /** Whose counts are in it, oldest first, and the number of the record that each left. */
  readonly folded: Readonly<Record<string, number>>
  /** How many others there are, whose ids are not known any more. */
  readonly forgotten: number
  readonly snapshot: Snapshot
}

export interface FleetRecordsOptions {
  readonly namespace: string
  readonly seal: Pick<Seal, 'seal' | 'open'> | undefined
  readonly deadlineMs: number
  readonly observe: Observe
}

const dayMs = 86_400_000
const recordTtlMs = 400 * dayMs
const leaseMs = 30_000
/** How many records are read at once. */
const readTogether = 32
/** How often a write is tried that others' deletions have come before. */
const mostAttempts = 20

/** The statistics of all processes in a store, as JSON: what can be compared at its beginning, then the snapshot. */
export class FleetRecords {
  readonly #store: Store
  readonly #prefix: string
  readonly #tag: string
  readonly #retiredKey: string
  readonly #seal: FleetRecordsOptions['seal']
  readonly #observe: Observe
  readonly #reads: Breaker
  readonly #writes: Breaker
  /** What cannot be read has been told of. */
  readonly #told = new Set<string>()

  constructor(store: Store, { namespace, seal, deadlineMs, observe }: FleetRecordsOptions) {
    this.#store = store
    // Entries' keys begin with their namespace, which is never empty: none of them, no prefix and no pattern begins so.
    this.#tag = `:statistics:${namespace}`
    this.#prefix = `${this.#tag}:`
    this.#retiredKey = `${this.#prefix}retired`
    this.#seal = seal
    this.#observe = observe
    this.#reads = new Breaker({ part: 'statistics', deadlineMs, observe, probe: () => store.get(this.#retiredKey) })
    this.#writes = new Breaker({
      part: 'statistics-writes',
      deadlineMs,
      observe,
      probe: () => store.set('probe', new Uint8Array([1]), { ttlMs: 1000, tags: [] })
    })
  }

  /** All records but the retired; `isWhole` is false when one of them cannot be read. */
  async all(): Promise<{ readonly records: ReadonlyMap<string, FleetRecord>; readonly isWhole: boolean }> {
    const ids = await this.#ids()
    const records = new Map<string, FleetRecord>()
    let isWhole = true
    for (let from = 0; from < ids.length; from += readTogether) {
      const some = ids.slice(from, from + readTogether)
      const found = await Promise.all(some.map((id) => this.#read(this.#prefix + id)))
      for (const [place, id] of some.entries()) {
        const bytes = found[place]
        // It has gone meanwhile.
        if (bytes === undefined) continue
        const record = this.#decode(this.#prefix + id, bytes, recordOf)
        if (record === undefined) isWhole = false
        else records.set(id, record)
      }
    }
    return { records, isWhole }
  }

  async get(id: string): Promise<FleetRecord | undefined> {
    const bytes = await this.#read(this.#prefix + id)
    return bytes && this.#decode(this.#prefix + id, bytes, recordOf)
  }

  async create(id: string, record: FleetRecord): Promise<void> {
    const bytes = this.#encodeRecord(id, record)
    await this.#writes.run('set', () =>
      this.#store.set(this.#prefix + id, bytes, { ttlMs: recordTtlMs, tags: [this.#tag] })
    )
  }

  /** Writes over a record that is still live; false when it is not, or has gone. */
  replace(id: string, record: FleetRecord): Promise<boolean> {
    return this.#replace(this.#prefix + id, this.#encodeRecord(id, record), '{"state":"live",')
  }

  /** Closes a record as it was read; false when its process has written meanwhile. */
  close(id: string, record: FleetRecord): Promise<boolean> {
    const closed = this.#encodeRecord(id, { ...record, state: 'closed' })
    return this.#replace(this.#prefix + id, closed, headOf(record))
  }

  async remove(id: string): Promise<void> {
    await this.#writes.run('delete', () => this.#store.delete({ key: this.#prefix + id }))
  }

  /** What has been folded: nothing yet is undefined, what cannot be read is `unreadable`. */
  async retired(): Promise<Retired | undefined | 'unreadable'> {
    const bytes = await this.#read(this.#retiredKey)
    return bytes && (this.#decode(this.#retiredKey, bytes, retiredOf) ?? 'unreadable')
  }

  /** Writes the first; to be called under the lease only. */
  async createRetired(retired: Retired): Promise<void> {
    const bytes = this.#encodeRetired(retired)
    await this.#writes.run('set', () => this.#store.set(this.#retiredKey, bytes, { ttlMs: foreverMs, tags: [] }))
  }

  /** False when somebody else has written it since it was read. */
  replaceRetired(before: Retired, after: Retired): Promise<boolean> {
    return this.#replace(this.#retiredKey, this.#encodeRetired(after), `{"revision":${before.revision},`)
  }

  /** Undefined while somebody else is at it. */
  lease(): Promise<Lease | undefined> {
    return this.#writes.run('lease', () => this.#store.lease(this.#retiredKey, leaseMs))
  }

  /** Whether a lease that was taken is still held, for as long again. */
  holds(lease: Lease): Promise<boolean> {
    return this.#writes.run('lease', () => lease.renew(leaseMs))
  }

  end(): void {
    this.#reads.end()
    this.#writes.end()
  }

  #ids(): Promise<string[]> {
    return this.#reads.run('keys', async () => {
      const keys: string[] = []
      for await (const batch of this.#store.keys({ tag: this.#tag })) keys.push(...batch)
      return keys.map((key) => key.slice(this.#prefix.length))
    })
  }

  #read(key: string): Promise<Uint8Array | undefined> {
    return this.#reads.run('get', () => this.#store.get(key))
  }

  /**
   * Writes over what begins so; false when it does not. A store refuses too when anything at all has been deleted
   * meanwhile, which says nothing here.
   */
  #replace(key: string, bytes: Uint8Array, begins: string): Promise<boolean> {
    const tags = key === this.#retiredKey ? [] : [this.#tag]
    const beginning = Buffer.from(begins)
    return this.#writes.run('set', async () => {
      for (let attempt = 0; attempt < mostAttempts; attempt++) {
        const mark = await this.#store.mark()
        if (await this.#store.replace(key, bytes, tags, beginning, mark)) return true
        const found = await this.#store.get(key)
        if (found === undefined || beginning.compare(found.subarray(0, beginning.length)) !== 0) return false
      }
      throw new RepriseError('conflict', `${key}: others are deleting without end; it is written later`)
    })
  }

  #encodeRecord(id: string, record: FleetRecord): Buffer {
    return this.#encode(this.#prefix + id, headOf(record), record.snapshot)
  }

  #encodeRetired({ revision, folded, forgotten, snapshot }: Retired): Buffer {
    return this.#encode(this.#retiredKey, opened({ revision, folded, forgotten }), snapshot)
  }

  /** Callers' words are in a snapshot: models, tags, what was nearly taken for something else. */
  #encode(key: string, head: string, snapshot: Snapshot): Buffer {
    const text = JSON.stringify(snapshot)
    if (this.#seal === undefined) return Buffer.from(`${head}"snapshot":${text}}`)
    return Buffer.from(`${head}"sealed":"${this.#seal.seal(Buffer.from(text), key).toString('base64')}"}`)
  }

  #decode<Kind>(
    key: string,
    bytes: Uint8Array,
    read: (json: JsonObject, snapshot: Snapshot) => Kind | undefined
  ): Kind | undefined {
    let found: Kind | undefined
    try {
      const json: unknown = JSON.parse(Buffer.from(bytes).toString())
      const snapshot = isObject(json) ? this.#snapshotIn(key, json) : undefined
      if (isObject(json) && snapshot !== undefined) found = read(json, snapshot)
    } catch {
      // Told below.
    }
    if (found === undefined && !this.#told.has(key)) {
      this.#told.add(key)
      const error = new Error(`${key} cannot be read: of another version, sealed under another key, or damaged`)
      this.#observe({ type: 'failed', part: 'statistics', operation: 'decode', error })
    }
    return found
  }

  #snapshotIn(key: string, json: JsonObject): Snapshot | undefined {
    const { sealed } = json
    if (typeof sealed !== 'string') return snapshotOf(json['snapshot'])
    const bytes = this.#seal?.open(Buffer.from(sealed, 'base64'), key)
    return bytes && snapshotOf(JSON.parse(bytes.toString()))
  }
}

function headOf({ state, number, writtenAtMs }: FleetRecord): string {
  return opened({ state, number, writtenAtMs })
}

/** JSON that goes on. */
function opened(head: object): string {
  return `${JSON.stringify(head).slice(0, -1)},`
}

function recordOf(json: JsonObject, snapshot: Snapshot): FleetRecord | undefined {
  const { state, number, writtenAtMs } = json
  const isRecord = (state === 'live' || state === 'closed') && Number.isSafeInteger(number)
  if (!isRecord || typeof number !== 'number' || typeof writtenAtMs !== 'number') return undefined
  return { state, number, writtenAtMs, snapshot }
}

function retiredOf(json: JsonObject, snapshot: Snapshot): Retired | undefined {
  const { revision, folded, forgotten } = json
  if (typeof revision !== 'number' || typeof forgotten !== 'number' || !isObject(folded)) return undefined
  const numbers = Object.entries(folded).flatMap(([id, number]) => (typeof number === 'number' ? [[id, number]] : []))
  return { revision, folded: Object.fromEntries(numbers), forgotten, snapshot }
}
