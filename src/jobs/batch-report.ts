import type { JsonObject } from '../core/json.ts'

/** A request that can wait. */
export interface BatchItem {
  readonly dialect: 'openai' | 'anthropic'
  /** `/v1/chat/completions` */
  readonly path: string
  readonly model: string
  /** Its JSON. */
  readonly body: Buffer
  /** What it is known by from one run to the next; the same for nothing but the same request, stored in the same way. */
  readonly digest: string
}

/** How long is waited, in milliseconds. */
export interface BatchPatience {
  /** Until a batch that was submitted is sure to be in the provider's list. Default: 30,000. */
  readonly settleMs: number
  /** Before a batch is looked at for the first time. Default: 1,000. */
  readonly firstWaitMs: number
  /** Between two looks at most: each wait is half as long again as the one before. Default: 45,000. */
  readonly longestWaitMs: number
}

export interface BatchProgress {
  /** Batches that are not over. */
  readonly open: number
  /** Requests in batches of this run. */
  readonly requests: number
  /** Of those, how many the provider says it has answered. */
  readonly answered: number
  readonly stored: number
  readonly failed: number
}

export interface BatchAnswer<Item> {
  readonly item: Item
  readonly answer: JsonObject
}

export interface BatchStored {
  readonly costUsd: number
  /** How many of them have no known price. */
  readonly unpriced: number
  readonly refused: ReadonlyMap<number, string>
}

/** What is to be submitted. */
export interface BatchLacking<Item> {
  readonly items: readonly Item[]
  /** The store's mark, read before anything of it is submitted; it goes to `store` with each of the answers. */
  readonly mark: number
}

export interface BatchReport {
  /** How many requests were submitted by this run, and in how many batches. */
  readonly submitted: number
  readonly batches: number
  /** How many answers were stored, those of earlier runs' batches included. */
  readonly stored: number
  readonly costUsd: number
  readonly unpriced: number
  /** How many requests came without an answer that could be stored, by why. */
  readonly failed: ReadonlyMap<string, number>
  /** Everything has been fetched; false: it goes on at the provider, and the next run picks it up. */
  readonly isOver: boolean
}
