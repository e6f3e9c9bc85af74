import { RepriseError } from '../core/errors.ts'
import { type WebAssemblyMemory, webAssembly } from './web-assembly.ts'

/** The smallest block, for a partition of a single vector, and the largest, in bytes; the sizes between are powers of two. */
export const smallestBlock = 512
export const largestBlock = 256 * 1024

const classes = Math.log2(largestBlock / smallestBlock) + 1
const pageBytes = 64 * 1024
/** WebAssembly's own limit. */
const mostBytes = 4 * 1024 ** 3
/**
 * The least and the most that memory grows by; between them it doubles. Each time V8 counts all of it anew, as if what
 * was there before were garbage, and soon collects; but what is not used of it takes no room in the machine.
 */
const growBytes = 4 * largestBlock
const mostGrowBytes = 256 * largestBlock

/**
 * Blocks of one WebAssembly memory, which is as large as was needed at some time and never gets smaller. There is one
 * memory for all, for each reserves gigabytes of addresses, however small it is. A block that is not needed whole is
 * halved until it fits, and two free halves become one again (a buddy allocator), so that any mixture of sizes can
 * follow any other. Blocks are not cleared.
 * @throws RepriseError `invalid-option`
 */
export class Blocks {
  readonly memory: WebAssemblyMemory
  /** The memory's bytes, as views of each kind. Good until the next `allocate`, which may replace them all. */
  bytes = new Uint8Array(0)
  codes = new Int8Array(0)
  halves = new Uint16Array(0)
  words = new Uint32Array(0)
  floats = new Float32Array(0)
  doubles = new Float64Array(0)
  /** What is allocated, in bytes. */
  usedBytes = 0
  readonly #maxBytes: number
  /** Where free blocks begin, by size. */
  readonly #free: readonly Set<number>[] = Array.from({ length: classes }, () => new Set())
  /** For each smallest block: 1 + the class of the block allocated there, or 0. */
  #allocated = new Uint8Array(0)

  constructor(maxBytes: number) {
    if (!Number.isFinite(maxBytes) || maxBytes < growBytes || maxBytes > mostBytes)
      throw new RepriseError(
        'invalid-option',
        `maxBytes: expected a number of bytes from ${growBytes} to ${mostBytes}, got ${maxBytes}`
      )
    this.#maxBytes = maxBytes - (maxBytes % largestBlock)
    this.memory = new webAssembly.Memory({ initial: 0, maximum: this.#maxBytes / pageBytes })
  }

  /** Where a block of at least so many bytes begins; undefined when there is no room for it, or none could be that large. */
  allocate(bytes: number): number | undefined {
    if (bytes > largestBlock) return undefined
    let size = smallestBlock
    let wanted = 0
    for (; size < bytes; size *= 2) wanted += 1
    let from = wanted
    while (from < classes && this.#free[from]?.size === 0) from += 1
    if (from === classes) {
      if (!this.#grow()) return undefined
      from = classes - 1
    }
    const [at = 0] = this.#free[from] ?? []
    this.#free[from]?.delete(at)
    for (; from > wanted; from--) this.#free[from - 1]?.add(at + smallestBlock * 2 ** (from - 1))
    this.#allocated[at / smallestBlock] = 1 + wanted
    this.usedBytes += size
    return at
  }

  /** Gives a block back. @throws RepriseError `internal` for what is no allocated block */
  free(at: number): void {
    let order = (this.#allocated[at / smallestBlock] ?? 0) - 1
    if (order < 0) throw new RepriseError('internal', `no block was allocated at ${at}`)
    this.#allocated[at / smallestBlock] = 0
    this.usedBytes -= smallestBlock * 2 ** order
    let start = at
    for (; order < classes - 1; order++) {
      const size = smallestBlock * 2 ** order
      const buddy = (start / size) % 2 === 0 ? start + size : start - size
      if (this.#free[order]?.delete(buddy) !== true) break
      start = Math.min(start, buddy)
    }
    this.#free[order]?.add(start)
  }

  #grow(): boolean {
    const before = this.memory.buffer.byteLength
    const left = this.#maxBytes - before
    const wanted = Math.min(Math.max(growBytes, before), mostGrowBytes)
    if (!this.#growBy(Math.min(wanted, left)) && !this.#growBy(Math.min(growBytes, left))) return false
    const { buffer } = this.memory
    this.bytes = new Uint8Array(buffer)
    this.codes = new Int8Array(buffer)
    this.halves = new Uint16Array(buffer)
    this.words = new Uint32Array(buffer)
    this.floats = new Float32Array(buffer)
    this.doubles = new Float64Array(buffer)
    const allocated = new Uint8Array(buffer.byteLength / smallestBlock)
    allocated.set(this.#allocated)
    this.#allocated = allocated
    for (let at = before; at < buffer.byteLength; at += largestBlock) this.#free[classes - 1]?.add(at)
    return true
  }

  #growBy(bytes: number): boolean {
    if (bytes === 0) return false
    try {
      this.memory.grow(bytes / pageBytes)
      return true
    } catch {
      // The machine has no more to give.
      return false
    }
  }
}
