import type { Accelerated } from './accelerator.ts'
import type { Hydration } from './hydration.ts'
import type { Partition } from './partition.ts'

/** A partition, and how much of it has been read from the store. */
export interface HeldPartition {
  readonly name: string
  readonly partition: Partition
  /** Present while it is being read. */
  hydration: Hydration | undefined
  /** Whether all that the store had has been read, and all that came later has been heard of. */
  isWhole: boolean
  /** When it may be tried again, by `performance.now()`, after it could not be read. */
  retryAtMs: number
  /** Whether it has been said that there is no memory for all of it. */
  isTooLarge: boolean
  /** Present once it was large enough. */
  accelerated: Accelerated | undefined
}
