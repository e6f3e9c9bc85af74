import { RepriseError } from '../core/errors.ts'
import type { Blocks } from './blocks.ts'
import { kernelBinary } from './kernel-binary.ts'
import { quantiseQuery } from './quantise.ts'
import { type WebAssemblyModule, webAssembly } from './web-assembly.ts'

/** The most components a vector can have: as many as fit into the 64 KB that a store takes. */
export const mostDimensions = 16_384
/** The most rows that one block can have. */
export const mostRows = 8192

/** What the kernel's codes of a row take: bytes up to a multiple of 16. */
export function strideOf(dimensions: number): number {
  return Math.ceil(dimensions / 16) * 16
}

type Scan = (
  rows: number,
  scales: number,
  count: number,
  stride: number,
  query: number,
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
    return error
  }

  /** The length of what the query's codes lost. */
  get error(): number {
    return this.#error
  }

  /** Lists the rows of a block whose similarity by their codes is at least `threshold`; returns how many they are. */
  scan(rows: number, scales: number, count: number, stride: number, threshold: number): number {
    return this.#scan(rows, scales, count, stride, this.#query, threshold / this.#scale, this.#list)
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
    const stride = 512
    for (let run = 0; run < 200; run++)
      this.#scan(this.#list, this.#query, 64, stride, this.#query, Number.POSITIVE_INFINITY, this.#list)
  }
}
