import { type Blocks, largestBlock, smallestBlock } from './blocks.ts'
import { CompactKeys, cellBytes } from './compact-keys.ts'
import { type Kernel, mostRows, strideOf } from './kernel.ts'
import { errorBound, quantiseRow } from './quantise.ts'
import type { Shortlist } from './shortlist.ts'

/** Hears what happens to a partition's vectors, whoever makes it happen. */
export interface Mirror {
  put(key: string, vector: Float32Array): void
  remove(key: string): void
}

export interface PartitionOptions {
  readonly blocks: Blocks
  /** Keeps the vectors themselves too, for nobody else does. */
  readonly isExact: boolean
}

/** A block's rows, which lie in it as their codes, when they expire, perhaps the vectors themselves, their scales and keys. */
interface Chunk {
  readonly rows: number
  readonly bytes: number
  readonly codes: number
  readonly expiries: number
  readonly vectors: number
  readonly scales: number
  readonly cells: number
  /** The largest error of a row's codes that the chunk has had. */
  error: number
  count: number
}

/** A chunk is at most this part of what its partition has already, so that little of it is empty. */
const growth = 32
/** How much of a chunk may be too little for another row. */
const mostWaste = 0.125

/**
 * Vectors in which neighbours are looked for, all of one length: rows of 8-bit codes, without gaps. A slot says where
 * a vector is, chunk * 8192 + row, until the next removal: then the last vector takes the place of the one that goes.
 */
export class Partition {
  readonly #blocks: Blocks
  readonly #isExact: boolean
  readonly #chunks: Chunk[] = []
  readonly #keys: CompactKeys
  /** The length of the vectors; 0 while there are none. */
  dimensions = 0
  count = 0
  mirror: Mirror | undefined
  #chunkBytes = 0

  constructor({ blocks, isExact }: PartitionOptions) {
    this.#blocks = blocks
    this.#isExact = isExact
    this.#keys = new CompactKeys(blocks, (slot) => (this.#chunkOf(slot).cells + (slot % mostRows) * cellBytes) / 4)
  }

  /** What is held for the vectors, in bytes. */
  get bytes(): number {
    return this.#chunkBytes + this.#keys.bytes
  }

  /** The slot of a key, or -1. */
  find(key: string): number {
    return this.#keys.find(key)
  }

  keyAt(slot: number): string {
    return this.#keys.textOf(slot)
  }

  expiryAt(slot: number): number {
    return this.#blocks.doubles[this.#expiryPlace(slot)] ?? 0
  }

  setExpiry(slot: number, expiresAtMs: number): void {
    this.#blocks.doubles[this.#expiryPlace(slot)] = expiresAtMs
  }

  /** The vector at a slot, as exactly as it is kept here. */
  vectorAt(slot: number): Float32Array {
    const chunk = this.#chunkOf(slot)
    const row = slot % mostRows
    if (this.#isExact) {
      const at = chunk.vectors / 4 + row * this.dimensions
      return this.#blocks.floats.slice(at, at + this.dimensions)
    }
    const at = chunk.codes + row * strideOf(this.dimensions)
    const scale = this.#blocks.floats[chunk.scales / 4 + row] ?? 0
    return Float32Array.from(this.#blocks.codes.subarray(at, at + this.dimensions), (code) => code * scale)
  }

  /** Adds a vector of this length, or replaces that of the same key; false when there is no memory for it. */
  put(key: string, vector: Float32Array, length: number, expiresAtMs: number): boolean {
    const found = this.find(key)
    if (found >= 0) {
      this.#write(found, vector, length, expiresAtMs)
    } else {
      let chunk = this.#chunks.at(-1)
      if (chunk === undefined || chunk.count === chunk.rows) chunk = this.#open(vector.length)
      if (chunk === undefined) return false
      this.dimensions = vector.length
      const slot = (this.#chunks.length - 1) * mostRows + chunk.count
      chunk.count += 1
      this.count += 1
      this.#keys.add(key, slot)
      this.#write(slot, vector, length, expiresAtMs)
    }
    this.mirror?.put(key, vector)
    return true
  }

  /** Takes a vector out; false when it was not there. */
  remove(key: string): boolean {
    const slot = this.find(key)
    if (slot >= 0) this.#removeAt(slot, key)
    return slot >= 0
  }

  /**
   * Takes out what has expired, looking at up to `most` vectors from the slot `from` downwards. Returns the slot to go
   * on from, or -1 at the end. Downwards, so that the last one, which takes a hole's place, has been looked at already.
   */
  expire(nowMs: number, from: number, most: number): number {
    let slot = this.clamp(from)
    for (let looked = 0; looked < most && slot >= 0; looked++) {
      if (this.expiryAt(slot) <= nowMs) this.#removeAt(slot, this.keyAt(slot))
      slot = this.before(slot)
    }
    return slot
  }

  /** The slot itself when there is a vector, else the last one that there is; -1 when there is none. */
  clamp(slot: number): number {
    return Math.min(slot, this.#last)
  }

  /** The slot before this one, or -1. */
  before(slot: number): number {
    if (slot % mostRows > 0) return this.clamp(slot - 1)
    const chunk = Math.floor(slot / mostRows) - 1
    return chunk < 0 ? -1 : this.clamp(chunk * mostRows + (this.#chunks[chunk]?.count ?? 0) - 1)
  }

  /**
   * Offers the slots that may be at least as similar as `minSimilarity` to what the kernel aims at, by their codes.
   * Returns the most that those similarities may be wrong by.
   */
  scan(kernel: Kernel, minSimilarity: number, shortlist: Shortlist): number {
    const stride = strideOf(this.dimensions)
    let largest = 0
    for (const [index, { codes, scales, count, error }] of this.#chunks.entries()) {
      const bound = errorBound(kernel.error, error)
      largest = Math.max(largest, bound)
      const found = kernel.scan(codes, scales, count, stride, Math.max(minSimilarity - bound, shortlist.floor))
      for (let place = 0; place < found; place++) {
        const similarity = kernel.similarityAt(place)
        if (similarity >= shortlist.floor) shortlist.offer(index * mostRows + kernel.rowAt(place), similarity)
      }
    }
    return largest
  }

  /** Lets go of everything. */
  clear(): void {
    for (const { codes } of this.#chunks) this.#blocks.free(codes)
    this.#chunks.length = 0
    this.#chunkBytes = 0
    this.#keys.clear()
    this.dimensions = 0
    this.count = 0
  }

  get #last(): number {
    const chunk = this.#chunks.at(-1)
    return chunk === undefined ? -1 : (this.#chunks.length - 1) * mostRows + chunk.count - 1
  }

  #chunkOf(slot: number): Chunk {
    const chunk = this.#chunks[Math.floor(slot / mostRows)]
    if (chunk === undefined) throw new RangeError(`no vector at slot ${slot}`)
    return chunk
  }

  #expiryPlace(slot: number): number {
    return this.#chunkOf(slot).expiries / 8 + (slot % mostRows)
  }

  #write(slot: number, vector: Float32Array, length: number, expiresAtMs: number): void {
    const chunk = this.#chunkOf(slot)
    const row = slot % mostRows
    const { codes, floats } = this.#blocks
    const stride = strideOf(vector.length)
    const at = chunk.codes + row * stride
    const { scale, error } = quantiseRow(vector, length, codes, at)
    codes.fill(0, at + vector.length, at + stride)
    floats[chunk.scales / 4 + row] = scale
    if (error > chunk.error) chunk.error = error
    if (this.#isExact) floats.set(vector, chunk.vectors / 4 + row * vector.length)
    this.setExpiry(slot, expiresAtMs)
  }

  #removeAt(slot: number, key: string): void {
    this.#keys.remove(slot)
    const last = this.#last
    if (slot !== last) {
      this.#copyRow(last, slot)
      this.#keys.move(last, slot)
    }
    const chunk = this.#chunkOf(last)
    chunk.count -= 1
    this.count -= 1
    if (this.count === 0) this.clear()
    else if (chunk.count === 0) {
      this.#blocks.free(chunk.codes)
      this.#chunkBytes -= chunk.bytes
      this.#chunks.pop()
    }
    this.mirror?.remove(key)
  }

  #copyRow(from: number, to: number): void {
    const { bytes, floats } = this.#blocks
    const source = this.#chunkOf(from)
    const target = this.#chunkOf(to)
    const sourceRow = from % mostRows
    const targetRow = to % mostRows
    function copy(part: 'codes' | 'vectors' | 'cells', size: number): void {
      const at = source[part] + sourceRow * size
      bytes.copyWithin(target[part] + targetRow * size, at, at + size)
    }
    copy('codes', strideOf(this.dimensions))
    copy('cells', cellBytes)
    if (this.#isExact) copy('vectors', this.dimensions * 4)
    floats[target.scales / 4 + targetRow] = floats[source.scales / 4 + sourceRow] ?? 0
    target.error = Math.max(target.error, source.error)
    this.setExpiry(to, this.expiryAt(from))
  }

  /** Lays another block out; where memory is short, a smaller one will do. */
  #open(dimensions: number): Chunk | undefined {
    const stride = strideOf(dimensions)
    const vectorBytes = this.#isExact ? dimensions * 4 : 0
    const rowBytes = stride + 8 + vectorBytes + 4 + cellBytes
    let wanted = smallestBlock
    while (wanted < rowBytes || (wanted < largestBlock && wanted * 2 * growth <= this.#chunkBytes)) wanted *= 2
    // The first one, which may stay the only one, is as small as can be.
    if (this.count > 0) while (wanted < largestBlock && (wanted % rowBytes) / wanted > mostWaste) wanted *= 2
    let at: number | undefined
    for (; at === undefined && wanted >= rowBytes; wanted /= 2) {
      at = this.#blocks.allocate(wanted)
      if (at !== undefined) break
    }
    if (at === undefined) return undefined
    const rows = Math.min(mostRows, Math.floor(wanted / rowBytes))
    const expiries = at + rows * stride
    const vectors = expiries + rows * 8
    const scales = vectors + rows * vectorBytes
    const cells = scales + rows * 4
    const chunk = { rows, bytes: wanted, codes: at, expiries, vectors, scales, cells, error: 0, count: 0 }
    this.#chunks.push(chunk)
    this.#chunkBytes += wanted
    return chunk
  }
}
