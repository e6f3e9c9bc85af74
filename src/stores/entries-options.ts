import type { Observe } from '../core/events.ts'
import type { Seal } from './seal.ts'
import type { PartitionedVector } from './store.ts'

export interface EntriesOptions {
  /** Keeps applications apart that share a store: letters, digits, `.`, `_` and `-`. Default: `default`. */
  readonly namespace?: string
  /** The longest that one call to the store may hold a request up, in milliseconds. Default: 50. */
  readonly deadlineMs?: number
  /** Encrypts entries and their vectors; what is not sealed is not there then. Default: they are stored as they are. */
  readonly seal?: Seal
  readonly observe?: Observe
  readonly now?: () => number
}

export interface PutOptions {
  /** What the entry is found by when it is looked for by meaning. */
  readonly vector?: PartitionedVector
  /** For whom. Default: `exact`. */
  readonly layer?: string
  /** What `mark` gave before anybody was asked. */
  readonly since?: number
  /** Kept beside an entry, and not told as stored. Default: false. */
  readonly isAuxiliary?: boolean
  /** Told when it is refused. Default: who is told of everything. */
  readonly observe?: Observe
}
