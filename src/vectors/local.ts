import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { StoredVectors } from '../core/stored-vectors.ts'
import { lengthOf, vectorOf } from '../core/vector-bytes.ts'
import { Accelerated, type OpenAccelerator } from './accelerator.ts'
import { Blocks } from './blocks.ts'
import type { HeldPartition } from './held-partition.ts'
import { Hydration } from './hydration.ts'
import { Kernel, mostDimensions } from './kernel.ts'
import { type NewEntry, News } from './news.ts'
import { Partition } from './partition.ts'
import { checkedLength, search } from './search.ts'
import { Sweeper } from './sweeper.ts'
import { Turns } from './turns.ts'
import { usearchAccelerator } from './usearch.ts'
import type { Match, VectorIndex } from './vector-index.ts'

export interface LocalVectorsOptions {
  /** The vectors of a store's entries, which are read when their partition is first used. Default: none, and what was added here goes with the process. */
  readonly vectors?: StoredVectors
  /** The most that vectors may take here, in bytes, from 1 MiB to 4 GiB. The partition used least recently makes room. Default: 1 GiB. */
  readonly maxBytes?: number
  /** How long a lookup waits for a partition that is being read, from when that began, in milliseconds. Default: 50. */
  readonly hydrateWithinMs?: number
  /** Partitions of more vectors than this are looked through by `accelerator`, approximately. Default: 200,000. */
  readonly accelerateAbove?: number
  /** Default: the `usearch` package's; where that is not installed, all partitions are looked through exactly. */
  readonly accelerator?: OpenAccelerator
  readonly now?: () => number
  readonly observe?: Observe
}

/** A vector index in this process. */
export interface LocalVectors extends VectorIndex {
  /** How many vectors and partitions are held, and the bytes that they take in `maxBytes`. */
  usage(): { readonly vectors: number; readonly partitions: number; readonly bytes: number }
}

/** A partition takes about a kilobyte beside its vectors, and when it is empty too. */
const mostPartitions = 65_536
const retryMs = 1000
/** Clocks and the time that storing takes: an expiry that differs by less is that of the same entry. */
const sameExpiryMs = 1000

/**
 * Looks for neighbours in this process: exactly, among 8-bit codes first, of which mostly a third is read, then by the
 * vectors themselves, which are fetched from the store (or kept here when there is none). 10,000 vectors of 384
 * components take 4.4 MB and some 0.15 milliseconds, 100,000 about one.
 * @throws RepriseError `invalid-option`
 */
export function localVectors(options: LocalVectorsOptions = {}): LocalVectors {
  return new Local(options)
}

class Local implements LocalVectors {
  readonly name = 'local'
  readonly readsStore: boolean
  readonly #options: LocalVectorsOptions
  readonly #now: () => number
  readonly #observe: Observe
  readonly #blocks: Blocks
  readonly #kernel: Kernel
  /** In the order of their last use. */
  readonly #held = new Map<string, HeldPartition>()
  readonly #turns = new Turns({ sliceMs: 1 })
  readonly #background = new Turns({ sliceMs: 1, gapMs: 2 })
  readonly #sweeper: Sweeper
  readonly #news: News | undefined
  readonly #unfollow: (() => void) | undefined
  #closed = false

  constructor(options: LocalVectorsOptions) {
    const { vectors, maxBytes = 1024 ** 3, now = Date.now, observe = ignore } = options
    this.#options = options
    this.#now = now
    this.#observe = observe
    this.#blocks = new Blocks(maxBytes)
    this.#kernel = new Kernel(this.#blocks)
    this.readsStore = vectors !== undefined
    this.#sweeper = new Sweeper({ partitions: () => this.#held.values(), turns: this.#background, now })
    if (vectors === undefined) return
    this.#news = new News({
      stored: vectors,
      turns: this.#turns,
      isHeld: (partition) => this.#held.has(partition),
      isNew: (entry) => this.#isNew(entry),
      keep: (entry, bytes) => this.#keepNews(entry, bytes),
      missed: (partition, error) => {
        const held = this.#held.get(partition)
        if (held !== undefined) held.isWhole = false
        if (error !== undefined) this.#failed('follow', error)
      },
      lost: () => {
        for (const held of this.#held.values()) held.isWhole = false
      }
    })
    this.#unfollow = vectors.follow(this.#news)
  }

  async add(name: string, key: string, vector: Float32Array, expiresAtMs: number): Promise<void> {
    this.#checkOpen()
    const held = this.#use(name)
    const length = checkedLength(vector, held.partition.dimensions)
    if (vector.length > mostDimensions)
      throw new RepriseError(
        'invalid-option',
        `vector: expected at most ${mostDimensions} components, got ${vector.length}`
      )
    held.hydration?.touched.add(key)
    if (expiresAtMs <= this.#now()) held.partition.remove(key)
    else this.#put(held, key, vector, length, expiresAtMs)
  }

  async nearest(name: string, vector: Float32Array, minSimilarity: number, count: number): Promise<readonly Match[]> {
    this.#checkOpen()
    // Without a store, there is nothing to be had of a partition to which nothing was added.
    const held = this.readsStore || this.#held.has(name) ? this.#use(name) : undefined
    checkedLength(vector, held?.partition.dimensions ?? 0)
    if (held === undefined) return []
    await held.hydration?.wait(this.#options.hydrateWithinMs ?? 50)
    const { partition } = held
    if (partition.count === 0 || partition.dimensions !== vector.length || count < 1) return []
    return search(
      { partition, name, vector, minSimilarity, count },
      {
        kernel: this.#kernel,
        stored: this.#options.vectors,
        accelerated: held.accelerated,
        now: this.#now,
        gone: (key) => this.#remove(held, key)
      }
    )
  }

  async remove(name: string, keys: readonly string[]): Promise<void> {
    this.#checkOpen()
    const held = this.#held.get(name)
    if (held !== undefined) for (const key of keys) this.#remove(held, key)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sweeper.end()
    this.#unfollow?.()
    this.#news?.end()
    for (const held of [...this.#held.values()]) this.#drop(held)
  }

  usage(): { vectors: number; partitions: number; bytes: number } {
    let vectors = 0
    let bytes = 0
    for (const { partition } of this.#held.values()) {
      vectors += partition.count
      bytes += partition.bytes
    }
    return { vectors, partitions: this.#held.size, bytes }
  }

  #checkOpen(): void {
    if (this.#closed) throw new RepriseError('store-closed', 'local: the vector index is closed')
  }

  /** The partition, being read if there is anything to be read. */
  #use(name: string): HeldPartition {
    let held = this.#held.get(name)
    if (held === undefined) {
      const { vectors } = this.#options
      const partition = new Partition({ blocks: this.#blocks, isExact: vectors === undefined })
      held = {
        name,
        partition,
        hydration: undefined,
        isWhole: vectors === undefined,
        retryAtMs: 0,
        isTooLarge: false,
        accelerated: undefined
      }
    }
    this.#held.delete(name)
    this.#held.set(name, held)
    if (this.#held.size > mostPartitions) this.#dropOldest(held)
    if (!held.isWhole && held.hydration === undefined && held.retryAtMs <= performance.now()) this.#hydrate(held)
    return held
  }

  #hydrate(held: HeldPartition): void {
    const { vectors } = this.#options
    if (vectors === undefined) return
    const { name } = held
    const hydration = new Hydration({
      stored: vectors,
      name,
      turns: this.#turns,
      keep: ({ key, bytes, expiresAtMs }) => this.#keep(held, key, bytes, expiresAtMs)
    })
    held.hydration = hydration
    // What is lost from now on makes it false again.
    held.isWhole = true
    void hydration.done.then((error) => {
      if (this.#held.get(name) !== held) return
      held.hydration = undefined
      if (error === undefined) return this.#accelerate(held)
      held.isWhole = false
      held.retryAtMs = performance.now() + retryMs
      this.#failed('read', error)
    })
  }

  /** Takes in what the store has, unless it is known already or is no vector that belongs here. */
  #keep(held: HeldPartition, key: string, bytes: Uint8Array, expiresAtMs: number): void {
    const { partition } = held
    if (expiresAtMs <= this.#now() || this.#knows(partition, key, expiresAtMs)) return
    const vector = vectorOf(bytes)
    if (vector === undefined || vector.length > mostDimensions) return
    if (partition.dimensions === 0 || partition.dimensions === vector.length)
      this.#put(held, key, vector, lengthOf(vector) ?? 1, expiresAtMs)
  }

  #knows(partition: Partition, key: string, expiresAtMs: number): boolean {
    const slot = partition.find(key)
    if (slot < 0 || Math.abs(partition.expiryAt(slot) - expiresAtMs) > sameExpiryMs) return false
    partition.setExpiry(slot, expiresAtMs)
    return true
  }

  #isNew({ partition: name, key, expiresAtMs }: NewEntry): boolean {
    const held = this.#held.get(name)
    return held !== undefined && !this.#knows(held.partition, key, expiresAtMs)
  }

  #keepNews({ partition: name, key, expiresAtMs }: NewEntry, bytes: Uint8Array | undefined): void {
    const held = this.#held.get(name)
    if (held === undefined) return
    if (bytes === undefined) this.#remove(held, key)
    else {
      held.hydration?.touched.add(key)
      this.#keep(held, key, bytes, expiresAtMs)
    }
  }

  #put(held: HeldPartition, key: string, vector: Float32Array, length: number, expiresAtMs: number): void {
    while (!held.partition.put(key, vector, length, expiresAtMs)) {
      if (this.#dropOldest(held)) continue
      // Nothing is gained by reading more of it.
      held.hydration?.end()
      if (!held.isTooLarge) this.#failed('add', tooLargeError(held))
      held.isTooLarge = true
      return
    }
    this.#accelerate(held)
  }

  #remove(held: HeldPartition, key: string): void {
    held.hydration?.touched.add(key)
    held.partition.remove(key)
  }

  /** Lets go of the partition that was used least recently, but for this one; false when there is no other. */
  #dropOldest(but: HeldPartition): boolean {
    for (const held of this.#held.values())
      if (held !== but) {
        this.#drop(held)
        return true
      }
    return false
  }

  #drop(held: HeldPartition): void {
    this.#held.delete(held.name)
    held.hydration?.end()
    held.accelerated?.end()
    held.partition.clear()
  }

  #accelerate(held: HeldPartition): void {
    const { accelerateAbove = 200_000, accelerator = usearchAccelerator } = this.#options
    const { partition } = held
    if (held.accelerated !== undefined || held.hydration !== undefined || partition.count <= accelerateAbove) return
    held.accelerated = Accelerated.open(partition, accelerator, this.#background, (error) =>
      this.#failed('accelerate', error)
    )
  }

  #failed(operation: string, error: unknown): void {
    this.#observe({
      type: 'failed',
      part: 'vectors',
      operation,
      error: error instanceof Error ? error : new Error(String(error))
    })
  }
}

function tooLargeError({ partition }: HeldPartition): RepriseError {
  return new RepriseError(
    'invalid-option',
    `maxBytes: ${partition.count} vectors of one partition take all of it, and the others are not found; raise it, or keep vectors in Redis`
  )
}
