import { randomUUID } from 'node:crypto'
import type { Store } from '../stores/store.ts'
import { deletionCases } from './contract-deletions.ts'
import { followingCases } from './contract-following.ts'
import { listingCases } from './contract-listing.ts'
import { replacingCases } from './contract-replacing.ts'
import { selectionCases } from './contract-selection.ts'
import { sharingCases } from './contract-sharing.ts'
import type { Cases } from './contract-tools.ts'
import { valueCases } from './contract-values.ts'
import { vectorCases } from './contract-vectors.ts'

export interface ContractCase {
  /** What a store must do, in a sentence. */
  readonly name: string
  /** Rejects when the store does not. */
  run(): Promise<void>
}

/**
 * What every {@link Store} must do, as cases for any test runner: `for (const { name, run } of storeContract(open))
 * it(name, run)`. Each case opens a store, uses keys of its own, and closes it. `open` must give back a store that is
 * ready; it may be empty or full of others' entries, shared or not: some cases delete everything that is in it.
 * A store that has no `vectors` passes the cases about them as it is. All cases together take some five seconds.
 */
export function storeContract(open: () => Promise<Store> | Store): readonly ContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const store = await open()
      try {
        await check({ store, prefix: `contract:${randomUUID()}:` })
      } finally {
        await store.close()
      }
    }
  }))
}

const cases: Cases = {
  ...valueCases,
  ...selectionCases,
  ...sharingCases,
  ...deletionCases,
  ...replacingCases,
  ...listingCases,
  ...vectorCases,
  ...followingCases
}
