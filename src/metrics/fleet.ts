import { randomUUID } from 'node:crypto'
import { ignore, type Observe } from '../core/events.ts'
import type { Seal } from '../stores/seal.ts'
import type { Store } from '../stores/store.ts'
import { type FleetRecord, FleetRecords, type Retired } from './fleet-records.ts'
import { fold, silentMs } from './fold.ts'
import { merged } from './merged.ts'
import { since } from './since.ts'
import type { Snapshot } from './snapshot.ts'

export interface FleetOptions {
  /** Whose statistics: entries' namespace. Default: `default`. */
  readonly namespace?: string
  /** Seals what is written. Default: it is not sealed. */
  readonly seal?: Pick<Seal, 'seal' | 'open'>
  /** The longest that one call to the store may take, in milliseconds; no request waits. Default: 1,000. */
  readonly deadlineMs?: number
  /** How often it is looked whether there is anything to write, in milliseconds. Default: 1,000. */
  readonly writeEveryMs?: number
  /** Told what fails. */
  readonly observe?: Observe
  readonly now?: () => number
}

/** What all processes together have counted. */
export interface FleetSum {
  readonly snapshot: Snapshot
  /** How many of them are running, this one included. */
  readonly processes: number
  /** False when the store could not be read, or not all that is in it. */
  readonly complete: boolean
}

/** A process that has nothing new to say says that it is still there. */
const heartbeatMs = 600_000
/** Two heartbeats, and what they may be late. */
const runningMs = 2 * heartbeatMs + 60_000
/** The first time that what has ended is folded; then at each heartbeat. */
const firstFoldMs = 60_000

/** One write: the record, all that this process had counted by then, and what the record says without its times. */
interface Draft {
  readonly record: FleetRecord
  readonly counted: Snapshot
  readonly text: string
}

/**
 * The sum over all processes that share a store and a namespace. Each writes what it has counted into the store, once a
 * second if it has changed, beside the entries and out of reach of their invalidation. What processes that have ended
 * had counted stays in the sum, folded into one record once they have been silent for an hour or have said that they end.
 *
 * Nothing is counted twice: a record that somebody else has closed is never written again. Its process takes another id
 * then, and writes under it what has come since what the closed record holds.
 *
 * No method rejects because of the store. In a store that no other process sees nothing is written.
 */
export class Fleet {
  readonly #records: FleetRecords | undefined
  readonly #statistics: { snapshot(): Snapshot }
  readonly #writeEveryMs: number
  readonly #now: () => number
  #id: string = randomUUID()
  /** What lies in the store under ids that this process had before. */
  #base: Snapshot | undefined
  /** The last number that was used under this id. */
  #number = 0
  /** There may be a record under this id. */
  #isThere = false
  #written: Draft | undefined
  /** Was sent, and nobody knows whether it has arrived: it is sent again before anything else. */
  #uncertain: Draft | undefined
  /** What there was to say when nothing had been counted. */
  readonly #nothing: string
  #foldAtMs: number
  /** One thing after the other: what is being read must not change its name meanwhile. */
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** Begins to write. */
  constructor(store: Store, statistics: { snapshot(): Snapshot }, options: FleetOptions = {}) {
    const { namespace = 'default', seal, deadlineMs = 1000, writeEveryMs = 1000, observe = ignore } = options
    this.#statistics = statistics
    this.#writeEveryMs = writeEveryMs
    this.#now = options.now ?? Date.now
    this.#foldAtMs = this.#now() + firstFoldMs
    this.#nothing = textOf(statistics.snapshot())
    if (store.ownProcessOnly === true) return
    this.#records = new FleetRecords(store, { namespace, seal, deadlineMs, observe })
    this.#writeLater()
  }

  /** All that has been counted: `own` by this process, and what the others have written. */
  sum(own: Snapshot): Promise<FleetSum> {
    const alone = { snapshot: own, processes: 1 }
    const records = this.#records
    if (records === undefined) return Promise.resolve({ ...alone, complete: true })
    return this.#inTurn(async () => {
      // In this order: what is folded and deleted between the two is in the retired.
      const { records: all, isWhole } = await records.all()
      const retired = await records.retired()
      if (retired === 'unreadable') return { ...alone, complete: false }
      this.#noticeFold(all.get(this.#id), retired)
      const others = [...all].filter(([id]) => id !== this.#id && !isFolded(id, retired)).map(([, record]) => record)
      const snapshots = others.map(({ snapshot }) => snapshot)
      if (retired !== undefined) snapshots.push(retired.snapshot)
      const nowMs = this.#now()
      const running = others.filter(({ state, writtenAtMs }) => state === 'live' && nowMs - writtenAtMs < runningMs)
      return {
        snapshot: merged([this.#base === undefined ? own : since(own, this.#base), ...snapshots]),
        processes: running.length + 1,
        complete: isWhole
      }
    }).catch(() => ({ ...alone, complete: false }))
  }

  /** Writes what has been counted, if there is anything new. */
  async write(): Promise<void> {
    await this.#inTurn(() => this.#write('live')).catch(ignore)
  }

  /** Adds up what processes that have ended have counted. */
  async fold(): Promise<void> {
    const records = this.#records
    if (records !== undefined) await this.#inTurn(() => fold(records, this.#id, this.#now())).catch(ignore)
  }

  /** Writes a last time, and says that this process ends. To be called before the store is closed. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#inTurn(() => this.#write('closed')).catch(ignore)
    this.#records?.end()
  }

  #writeLater(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(async () => {
      await this.write()
      if (this.#now() >= this.#foldAtMs) {
        this.#foldAtMs = this.#now() + heartbeatMs
        await this.fold()
      }
      this.#writeLater()
    }, this.#writeEveryMs).unref()
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work)
    // What goes wrong is told to whoever waits for it.
    this.#turn = done.catch(ignore)
    return done
  }

  async #write(state: FleetRecord['state']): Promise<void> {
    const records = this.#records
    if (records === undefined) return
    // Once for what is uncertain, once for a record that has gone, once for what there is to say now.
    for (let attempt = 0; attempt < 4; attempt++) {
      const isAgain = this.#uncertain !== undefined
      const draft = this.#uncertain ?? this.#draft(state)
      if (draft === undefined) return
      if (await this.#send(records, draft)) {
        this.#written = draft
        this.#uncertain = undefined
        if (!isAgain) return
      } else {
        const record = await records.get(this.#id)
        const retired = await records.retired()
        if (retired === 'unreadable') return
        this.#noticeFold(record, retired)
        if (record === undefined && !isFolded(this.#id, retired)) this.#noticeLoss(retired)
      }
    }
  }

  /** False when there is no live record under this id. */
  async #send(records: FleetRecords, draft: Draft): Promise<boolean> {
    this.#uncertain = draft
    if (this.#isThere) return records.replace(this.#id, draft.record)
    this.#isThere = true
    await records.create(this.#id, draft.record)
    return true
  }

  #draft(state: FleetRecord['state']): Draft | undefined {
    const counted = this.#statistics.snapshot()
    const snapshot = this.#base === undefined ? counted : since(counted, this.#base)
    const text = textOf(snapshot)
    const written = this.#written
    const nowMs = this.#now()
    if (state === 'closed') {
      if (written?.record.state === 'closed' || (written === undefined && text === this.#nothing)) return undefined
    } else if (text === written?.text && nowMs - written.record.writtenAtMs < heartbeatMs) return undefined
    this.#number += 1
    return { record: { state, number: this.#number, writtenAtMs: nowMs, snapshot }, counted, text }
  }

  /** Somebody took this process for one that has ended: it goes on under another id from what was closed. */
  #noticeFold(record: FleetRecord | undefined, retired: Retired | undefined): void {
    const closed = record?.state === 'closed' ? record : undefined
    const number = closed?.number ?? (isFolded(this.#id, retired) ? retired?.folded[this.#id] : undefined)
    if (number === undefined) return
    const known = [this.#uncertain, this.#written].find((draft) => draft?.record.number === number)
    if (known !== undefined) this.#goOnFrom(known.counted)
    // A store that has lost its latest writes, and has an earlier one.
    else if (closed !== undefined) this.#goOnFrom(merged([...(this.#base ? [this.#base] : []), closed.snapshot]))
    else this.#goOnFrom(this.#written?.counted ?? this.#base)
  }

  /** The record has gone, and nobody is known to have folded it. */
  #noticeLoss(retired: Retired | undefined): void {
    const written = this.#written
    const isSilent = written !== undefined && this.#now() - written.record.writtenAtMs >= silentMs
    // After so long it may have been folded, and its id forgotten: rather too little is counted than twice.
    if (isSilent && (retired?.forgotten ?? 0) > 0) {
      this.#goOnFrom(written.counted)
      return
    }
    // Evicted, or the store was emptied: all that it held of this process is written anew.
    this.#isThere = false
    this.#written = undefined
    this.#uncertain = undefined
  }

  #goOnFrom(base: Snapshot | undefined): void {
    this.#base = base
    this.#id = randomUUID()
    this.#number = 0
    this.#isThere = false
    this.#written = undefined
    this.#uncertain = undefined
  }
}

function isFolded(id: string, retired: Retired | undefined): boolean {
  return retired !== undefined && Object.hasOwn(retired.folded, id)
}

function textOf(snapshot: Snapshot): string {
  return JSON.stringify({ ...snapshot, sinceMs: 0, atMs: 0 })
}
