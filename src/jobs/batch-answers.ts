import { RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { BatchResult } from '../providers/batch-api.ts'
import type { OpenBatch } from './batch-job-state.ts'
import type { BatchAnswer, BatchItem } from './batch-report.ts'

/** An answer, and which of its batch's requests it is to. */
export interface PlacedAnswer<Item> extends BatchAnswer<Item> {
  readonly place: number
}

/** What is in the results of a batch. */
export interface Gathered {
  /** How many requests have an answer. */
  readonly answered: number
  /** How many of those are not asked for now. */
  readonly others: number
  /** By place, why there is no answer. */
  readonly without: ReadonlyMap<number, string>
}

/** As many answers are stored at a time, of so many characters together. */
const mostAnswers = 50
const mostCharacters = 1_000_000

/**
 * Reads the results of a batch, and has those stored that are asked for and have not been before. An id that is none of
 * the batch's is passed over; so is all but the first answer to a request.
 */
export async function gatherAnswers<Item extends BatchItem>(
  { name, requests, settled }: OpenBatch,
  results: AsyncIterable<BatchResult>,
  items: ReadonlyMap<string, Item>,
  store: (answers: readonly PlacedAnswer<Item>[]) => Promise<void>,
  signal: AbortSignal
): Promise<Gathered> {
  let open: { place: number; item: Item; answer: JsonObject }[] = []
  let characters = 0
  async function flush(): Promise<void> {
    const some = open
    open = []
    characters = 0
    if (some.length > 0) await store(some)
  }
  const answered = new Set<number>()
  const without = new Map<number, string>()
  let others = 0
  try {
    for await (const result of results) {
      const place = placeIn(name, result.customId)
      const digest = requests[place]
      if (digest === undefined || answered.has(place)) continue
      if ('problem' in result) {
        without.set(place, result.problem)
        continue
      }
      answered.add(place)
      without.delete(place)
      if (settled.has(place)) continue
      const item = items.get(digest)
      if (item === undefined) {
        others += 1
        continue
      }
      open.push({ place, item, answer: result.answer })
      characters += item.body.length + JSON.stringify(result.answer).length
      if (open.length >= mostAnswers || characters > mostCharacters) await flush()
      if (signal.aborted) throw new RepriseError('aborted', 'interrupted')
    }
  } catch (error) {
    // What was read before the results broke off has been read whole.
    if (!signal.aborted) await flush()
    throw error
  }
  await flush()
  return { answered: answered.size, others, without }
}

/** The place that an id names among a batch's requests; NaN when it is of another batch. */
function placeIn(name: string, customId: string): number {
  const place = customId.startsWith(`${name}-`) ? customId.slice(name.length + 1) : ''
  return /^(0|[1-9]\d*)$/.test(place) ? Number(place) : Number.NaN
}
