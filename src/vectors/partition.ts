import { type Blocks, largestBlock, smallestBlock } from './blocks.ts'
import { CompactKeys, cellBytes } from './compact-keys.ts'
import { headOf, type Kernel, mostRows, strideOf } from './kernel.ts'
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

/** A block's rows, which lie in it as their codes' heads and tails, when they expire, perhaps the vectors themselves, their scales, keys and the lengths of their tails. */
interface Chunk {
  readonly rows: number
  readonly bytes: number
  readonly heads: number
  readonly tails: number
  readonly expiries: number
  readonly vectors: number
  readonly scales: number
  readonly cells: number
  readonly lengths: number
  /** The largest error of a row's codes that the chunk has had. */
  error: number
  count: number
}

/** A chunk is at most this part of what its partition has already, so that little of it is empty. */
const growth = 32
/** How much of a chunk may be too little for another row. */
const mostWaste = 0.125
const scaleBytes = 4
const lengthBytes = 2

/**
 * Vectors in which neighbours are looked for, all of one length: rows of 8-bit codes, without gaps, the first codes of
 * all rows of a block together and the others elsewhere, for mostly the first ones will do. A slot says where
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
    const { codes, floats } = this.#blocks
    const head = headOf(this.dimensions)
    const headAt = chunk.heads + row * head
    const tailAt = chunk.tails + row * (strideOf(this.dimensions) - head) - head
    const scale = floats[chunk.scales / 4 + row] ?? 0
    const vector = new Float32Array(this.dimensions)
    for (let index = 0; index < vector.length; index++)
      vector[index] = (codes[(index < head ? headAt : tailAt) + index] ?? 0) * scale
    return vector
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
   * Offers the slots that may be at least as similar as `minSimilarity` to what the kernel aims at, by their codes. What
   * cannot be among the `wanted` best may be left out. Returns the most that those similarities may be wrong by.
   */
  scan(kernel: Kernel, minSimilarity: number, wanted: number, shortlist: Shortlist): number {
    let largest = 0
    for (const [index, chunk] of this.#chunks.entries()) {
      const bound = errorBound(kernel.error, chunk.error)
      largest = Math.max(largest, bound)
      // So many are at least that similar, though their codes be wrong by the most that they can.
      const best = shortlist.similarityAt(wanted - 1) - largest
      const found = kernel.scan(chunk, Math.max(Math.max(minSimilarity, best) - bound, shortlist.floor))
      for (let place = 0; place < found; place++) {
        const similarity = kernel.similarityAt(place)
        if (similarity >= shortlist.floor) shortlist.offer(index * mostRows + kernel.rowAt(place), similarity)
      }
    }
    return largest
  }

  /** Lets go of everything. */
  clear(): void {
    for (const { heads } of this.#chunks) this.#blocks.free(heads)
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
    const { codes, floats, halves } = this.#blocks
    const stride = strideOf(vector.length)
    const headLength = headOf(vector.length)
    const head = chunk.heads + row * headLength
    const tail = chunk.tails + row * (stride - headLength)
    const { scale, error, tailLength } = quantiseRow(vector, length, codes, { head, headLength, tail })
    if (vector.length < headLength) codes.fill(0, head + vector.length, head + headLength)
    else codes.fill(0, tail + vector.length - headLength, tail + stride - headLength)
    floats[chunk.scales / 4 + row] = scale
    halves[chunk.lengths / 2 + row] = tailLength
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
      this.#blocks.free(chunk.heads)
      this.#chunkBytes -= chunk.bytes
      this.#chunks.pop()
    }
    this.mirror?.remove(key)
  }

  #copyRow(from: number, to: number): void {
    const { bytes } = this.#blocks
    const source = this.#chunkOf(from)
    const target = this.#chunkOf(to)
    const sourceRow = from % mostRows
    const targetRow = to % mostRows
    function copy(part: 'heads' | 'tails' | 'vectors' | 'scales' | 'cells' | 'lengths', size: number): void {
      const at = source[part] + sourceRow * size
      bytes.copyWithin(target[part] + targetRow * size, at, at + size)
    }
    const head = headOf(this.dimensions)
    copy('heads', head)
    copy('tails', strideOf(this.dimensions) - head)
    copy('scales', scaleBytes)
    copy('cells', cellBytes)
    copy('lengths', lengthBytes)
    if (this.#isExact) copy('vectors', this.dimensions * 4)
    target.error = Math.max(target.error, source.error)
    this.setExpiry(to, this.expiryAt(from))
  }

  /** Lays another block out; where memory is short, a smaller one will do. */
  #open(dimensions: number): Chunk | undefined {
    const stride = strideOf(dimensions)
    const vectorBytes = this.#isExact ? dimensions * 4 : 0
    const rowBytes = stride + 8 + vectorBytes + scaleBytes + cellBytes + lengthBytes
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
    const tails = at + rows * headOf(dimensions)
    const expiries = at + rows * stride
    const vectors = expiries + rows * 8
    const scales = vectors + rows * vectorBytes
    const cells = scales + rows * scaleBytes
    const lengths = cells + rows * cellBytes
    const places = { heads: at, tails, expiries, vectors, scales, cells, lengths }
    const chunk = { ...places, rows, bytes: wanted, error: 0, count: 0 }
    this.#chunks.push(chunk)
    this.#chunkBytes += wanted
    return chunk
  }
}
