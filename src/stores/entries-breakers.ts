import { Breaker } from '../core/breaker.ts'
import type { Observe } from '../core/events.ts'
import type { Store } from './store.ts'

/** How many times the deadline a write to a store of this machine may take, and a count in any store. */
const patience = 20

export interface EntriesBreakers {
  readonly reads: Breaker
  readonly writes: Breaker
  readonly counts: Breaker
}

/**
 * What keeps a store out of the way while it fails. Apart, because a store may well read and not write: a full Redis, a
 * replica, a disk without space.
 */
export function entriesBreakers(store: Store, deadlineMs: number, observe: Observe): EntriesBreakers {
  return {
    reads: new Breaker({ part: 'store', deadlineMs, observe, probe: () => store.get('probe') }),
    writes: new Breaker({
      part: 'store-writes',
      // A store of this machine answers reads at once and writes when the disk does; an answer given before it is
      // stored is lost with the process. It gets more time, and a caller hardly notices beside a provider's call.
      deadlineMs: store.peek !== undefined ? deadlineMs * patience : deadlineMs,
      observe,
      probe: () => store.set('probe', new Uint8Array([1]), { ttlMs: 1000, tags: [] })
    }),
    // A lookup that takes long is a miss, and nothing is lost; a count that is given up too soon is a budget that nobody
    // keeps. Only calls to a provider are counted, and beside one of those it hardly shows.
    counts: new Breaker({
      part: 'store-counts',
      deadlineMs: deadlineMs * patience,
      observe,
      probe: () => store.increment('probe', 0, 1000)
    })
  }
}
