import { createCache } from '../../src/cache.ts'
import { RepriseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Documents } from '../../src/core/retrieval-kind.ts'
import type { Selection } from '../../src/core/selection.ts'
import { WordsEmbedder } from './words-embedder.ts'

/** What the process is told; those with a number are answered by a message with the same. */
export type RetrievalOrder =
  | {
      readonly do: 'ask'
      readonly number: number
      readonly query: string
      /** Nothing is searched: what is not in the cache is null. */
      readonly onlyIfCached: boolean
    }
  | { readonly do: 'invalidate'; readonly number: number; readonly selection: Selection }
  /** What the search that has waited for longest finds. */
  | { readonly do: 'find'; readonly documents: Documents }
  | { readonly do: 'close' }

export type RetrievalMessage =
  | { readonly type: 'ready' }
  /** Somebody searches, and waits until it is told what it finds. */
  | { readonly type: 'searching'; readonly query: string }
  | { readonly type: 'done'; readonly number: number; readonly result: Json }

/** What has become of an `ask`. */
export interface Retrieved {
  readonly documents: Documents
  readonly layer: string
  readonly stored: boolean
}

/** A process of its own with a cache before a search that finds what the test says, when the test says so. */
async function main(): Promise<void> {
  const tell = (message: RetrievalMessage): void => void process.send?.(message)
  const cache = await createCache({
    store: process.argv[2] ?? 'memory:',
    deadlineMs: 10_000,
    embedder: new WordsEmbedder()
  })
  const waiting: ((documents: Documents) => void)[] = []
  const ask = cache.retrievals(async ({ query }) => {
    const found = new Promise<Documents>((resolve) => waiting.push(resolve))
    tell({ type: 'searching', query })
    return { value: await found, origin: { layer: 'provider' } }
  })

  async function obey(order: RetrievalOrder): Promise<void> {
    if (order.do === 'find') {
      waiting.shift()?.(order.documents)
    } else if (order.do === 'invalidate') {
      tell({ type: 'done', number: order.number, result: await cache.invalidate(order.selection) })
    } else if (order.do === 'ask') {
      const { query, onlyIfCached, number } = order
      const mode = onlyIfCached ? ({ onlyIfCached } as const) : {}
      const result = await ask({ query, collection: 'books' }, { ...cache.contextOf(), mode }).then(
        ({ value, origin }) => ({ documents: value, layer: origin.layer, stored: origin.stored === true }),
        (error: unknown) => {
          if (error instanceof RepriseError && error.code === 'only-if-cached') return null
          throw error
        }
      )
      tell({ type: 'done', number, result })
    } else {
      await cache.close()
      process.disconnect()
    }
  }

  process.on('message', (order: RetrievalOrder) => {
    obey(order).catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  tell({ type: 'ready' })
}

await main()
