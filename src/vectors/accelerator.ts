import type { Partition } from './partition.ts'
import type { Turns } from './turns.ts'
import type { Match } from './vector-index.ts'

/** An approximate index of vectors, for partitions that are too large to be looked through. May throw. */
export interface Accelerator {
  /** Adds a vector, replacing an older one of the same key. */
  put(key: string, vector: Float32Array): void
  remove(key: string): void
  has(key: string): boolean
  /** The most similar, the best first, approximately. */
  nearest(vector: Float32Array, count: number): readonly Match[]
}

/** Opens an accelerator for vectors of a length; undefined when there is none to be had. */
export type OpenAccelerator = (dimensions: number) => Promise<Accelerator | undefined>

/**
 * An accelerator beside a partition: built in slices, and kept like the partition from then on. Until it is complete it
 * finds nothing. An insertion takes up to a millisecond.
 */
export class Accelerated {
  readonly #partition: Partition
  readonly #failed: (error: unknown) => void
  #accelerator: Accelerator | undefined
  /** Keys that are to be added before it is complete; undefined once it is. */
  #waiting: Set<string> | undefined = new Set()
  #ended = false

  private constructor(partition: Partition, failed: (error: unknown) => void) {
    this.#partition = partition
    this.#failed = failed
  }

  /** Opens and builds one in the background; `failed` is called when it throws, which ends it. */
  static open(
    partition: Partition,
    open: OpenAccelerator,
    turns: Turns,
    failed: (error: unknown) => void
  ): Accelerated {
    const accelerated = new Accelerated(partition, failed)
    accelerated.#build(open, turns).catch((error: unknown) => accelerated.#fail(error))
    return accelerated
  }

  /** What the accelerator finds; undefined while it is not complete. */
  nearest(vector: Float32Array, count: number): readonly Match[] | undefined {
    if (this.#waiting !== undefined) return undefined
    return this.#try((accelerator) => accelerator.nearest(vector, count))
  }

  end(): void {
    this.#ended = true
    this.#waiting = new Set()
    this.#accelerator = undefined
    this.#partition.mirror = undefined
  }

  async #build(open: OpenAccelerator, turns: Turns): Promise<void> {
    const partition = this.#partition
    const accelerator = await open(partition.dimensions)
    if (accelerator === undefined || this.#ended) return
    this.#accelerator = accelerator
    partition.mirror = {
      put: (key, vector) => {
        if (this.#waiting === undefined) this.#try(() => accelerator.put(key, vector))
        else this.#waiting.add(key)
      },
      remove: (key) => {
        this.#waiting?.delete(key)
        this.#try(() => accelerator.remove(key))
      }
    }
    // Downwards: what comes later is waiting anyway, and what moves down to fill a hole has been added already.
    let slot = Number.MAX_SAFE_INTEGER
    await turns.work(() => {
      slot = partition.clamp(slot)
      if (this.#ended || slot < 0) return true
      const key = partition.keyAt(slot)
      if (!accelerator.has(key) && this.#waiting?.has(key) === false) accelerator.put(key, partition.vectorAt(slot))
      slot = partition.before(slot)
      return slot < 0
    })
    await turns.work(() => {
      const [key] = this.#waiting ?? []
      if (this.#ended) return true
      if (key === undefined) {
        this.#waiting = undefined
        return true
      }
      this.#waiting?.delete(key)
      accelerator.put(key, partition.vectorAt(partition.find(key)))
      return false
    })
  }

  #try<Result>(action: (accelerator: Accelerator) => Result): Result | undefined {
    try {
      return this.#accelerator && action(this.#accelerator)
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #fail(error: unknown): void {
    this.end()
    this.#failed(error)
  }
}
