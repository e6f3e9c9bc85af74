import { RepriseError } from '../core/errors.ts'
import type { Blocks } from './blocks.ts'
import { kernelBinary } from './kernel-binary.ts'
import { quantiseQuery, tailFactorOf } from './quantise.ts'
import { type WebAssemblyModule, webAssembly } from './web-assembly.ts'

/** The most components a vector can have: as many as fit into the 64 KB that a store takes. */
export const mostDimensions = 16_384
/** The most rows that one block can have. */
export const mostRows = 8192

/** What the kernel's codes of a row take: bytes up to a multiple of 16. */
export function strideOf(dimensions: number): number {
  return Math.ceil(dimensions / 16) * 16
}

/**
 * How many of these bytes lie among the heads of a block: a third. With less, more rows cannot be told apart by their heads;
 * with more, there is more to read of each. Of questions in 256 dimensions a third leaves one of 1,000 to look at to the end
 * where 0.85 is asked for, a fourth 70, and half of them 0.3. Short vectors are all head.
 */
export function headOf(dimensions: number): number {
  const stride = strideOf(dimensions)
  return stride <= shortStride ? stride : Math.ceil(stride / 48) * 16
}

/** Up to so many bytes are read as quickly as a part of them. */
const shortStride = 64

/** A block of rows, as the kernel reads it. */
export interface Rows {
  /** Where their heads begin, their tails, their scales and the lengths of their tails. */
  readonly heads: number
  readonly tails: number
  readonly scales: number
  readonly lengths: number
  /** How many there are; at least one. */
  readonly count: number
}

type Scan = (
  heads: number,
  tails: number,
  scales: number,
  lengths: number,
  count: number,
  head: number,
  tail: number,
  query: number,
  queryTail: number,
  threshold: number,
  list: number
) => number

let compiled: WebAssemblyModule | undefined

/** The kernel (kernel.wat), and where in the blocks' memory its query and its list are. */
export class Kernel {
  readonly #blocks: Blocks
  readonly #scan: Scan
  readonly #query: number
  readonly #list: number
  #scale = 1
  #error = 0
  #head = 0
  #tail = 0
  #tailFactor = 0

  constructor(blocks: Blocks) {
    const query = blocks.allocate(mostDimensions * 2)
    const list = blocks.allocate(mostRows * 8)
    if (query === undefined || list === undefined)
      throw new RepriseError('internal', 'no memory for the kernel of the vector index')
    const isFirst = compiled === undefined
    compiled ??= new webAssembly.Module(Buffer.from(kernelBinary, 'base64'))
    const { exports } = new webAssembly.Instance(compiled, { vectors: { memory: blocks.memory } })
    this.#blocks = blocks
    this.#scan = exports['scan'] as Scan
    this.#query = query
    this.#list = list
    if (isFirst) this.#warmUp()
  }

  /** Makes a vector of this length the query of the scans that follow. Returns the length of what its codes lost. */
  aim(vector: Float32Array, length: number): number {
    const stride = strideOf(vector.length)
    const codes = new Int16Array(this.#blocks.memory.buffer, this.#query, stride)
    codes.fill(0, vector.length)
    const { scale, error } = quantiseQuery(vector, length, codes)
    this.#scale = scale
    this.#error = error
    this.#head = headOf(vector.length)
    this.#tail = stride - this.#head
    this.#tailFactor = tailFactorOf(codes, this.#head)
    return error
  }

  /** The length of what the query's codes lost. */
  get error(): number {
    return this.#error
  }

  /**
   * Lists the rows of a block, of vectors as long as the query, whose similarity by their codes is at least `threshold`;
   * returns how many they are.
   */
  scan({ heads, tails, scales, lengths, count }: Rows, threshold: number): number {
    const least = threshold / this.#scale
    const [head, tail, query, factor] = [this.#head, this.#tail, this.#query, this.#tailFactor]
    return this.#scan(heads, tails, scales, lengths, count, head, tail, query, factor, least, this.#list)
  }

  /** The row that stands at a place in the list. */
  rowAt(place: number): number {
    return this.#blocks.words[this.#list / 4 + place * 2] ?? 0
  }

  /** The similarity that stands at a place in the list. */
  similarityAt(place: number): number {
    return (this.#blocks.floats[this.#list / 4 + place * 2 + 1] ?? 0) * this.#scale
  }

  /** V8 compiles in haste first, and well once a function has run for about a millisecond: so it is done with that before the first lookup. */
  #warmUp(): void {
    const [list, query, above] = [this.#list, this.#query, Number.POSITIVE_INFINITY]
    for (let run = 0; run < 200; run++) this.#scan(list, list, query, query, 64, 256, 256, query, 0, above, list)
  }
}
