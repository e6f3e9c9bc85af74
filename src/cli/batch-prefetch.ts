import { createHash } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { BatchJob } from '../jobs/batch-job.ts'
import { BatchJobState } from '../jobs/batch-job-state.ts'
import type {
  BatchAnswer,
  BatchItem,
  BatchLacking,
  BatchPatience,
  BatchProgress,
  BatchReport,
  BatchStored
} from '../jobs/batch-report.ts'
import { patiently, pause } from '../jobs/patiently.ts'
import { anthropicBatches } from '../providers/anthropic-batches.ts'
import { batchCaller } from '../providers/batch-api.ts'
import { openaiBatches } from '../providers/openai-batches.ts'
import { inexactNumbers } from '../wires/exact-numbers.ts'
import { wires } from '../wires/open.ts'
import { type BatchGateway, type BatchGatewayOptions, batchGateway } from './batch-gateway.ts'

/** A request that can wait; what a file of requests and a plan's atoms are read to fits. */
export interface PrefetchRequest {
  /** With /v1: `/v1/chat/completions`. */
  readonly path: string
  readonly body: Buffer | JsonObject
  readonly tags: readonly string[]
  /** As `x-reprise-ttl` says it. Default: what the gateway thinks of it. */
  readonly ttl?: string
  /** Narrower than the caller's own. */
  readonly scope?: string
}

export interface PrefetchOptions extends BatchGatewayOptions {
  /** Where it is noted which batches were begun; each job has its own, and only what is under way is in it. */
  readonly stateFile: string
  /** What the batches were begun for, where the URL does not say it, because it is another each time. Default: the URL. */
  readonly place?: string
  /** How many requests are looked up at a time. Default: 8. */
  readonly concurrency?: number
  readonly tell?: (progress: BatchProgress) => void
  readonly print?: (line: string) => void
  readonly patience?: Partial<BatchPatience>
}

export interface PrefetchReport extends BatchReport {
  /** How many were in the cache, and not submitted. */
  readonly hits: number
  /** How many are left to be asked as usual, because no batch can take them or no cache keeps their answers. */
  readonly unsuitable: number
}

type Item = BatchItem & Pick<PrefetchRequest, 'tags' | 'ttl' | 'scope'>

/** How often a gateway that does not answer is asked, and one whose store does not take an answer. */
const attempts = 4
/** As a request can bear. */
const mostTags = 64
/** As many requests are checked at a time, of so many bytes together. */
const mostChecked = 100
const mostBytes = 4_000_000

/**
 * Has the answers of those requests that are not in a gateway's cache made by the providers' interfaces for batches, at
 * half the price and in up to 24 hours, and stores them in the cache. What comes to nothing is left to be asked as usual.
 * With the same state file it may be interrupted at any instant and called again: nothing is paid for twice.
 * @throws RepriseError `conflict` while another process works with the state file, `unauthorized` without the gateway's
 * admin token, and what a provider says that refuses to tell of a batch
 */
export async function prefetch(
  requests: readonly PrefetchRequest[],
  options: PrefetchOptions
): Promise<PrefetchReport> {
  const { url, place = url, headersOf, stateFile, signal, tell = () => {}, print = () => {}, patience = {} } = options
  const tally = { hits: 0, unsuitable: 0 }
  const items = itemsOf(requests, tally)
  const headers = { openai: headersOf('openai'), anthropic: headersOf('anthropic') }
  const purpose = createHash('sha256')
    .update(JSON.stringify([place, headers]))
    .digest('hex')
  const state = BatchJobState.open(stateFile, purpose)
  const gateway = batchGateway(options)
  const job = new BatchJob<Item>({
    items,
    apis: {
      openai: openaiBatches(batchCaller('openai', gateway.transport, headers.openai)),
      anthropic: anthropicBatches(batchCaller('anthropic', gateway.transport, headers.anthropic))
    },
    state,
    lacking: (some) => lacking(some, gateway, options, tally),
    store: (answers, mark) => storeAll(answers, mark, gateway, signal),
    tell,
    print,
    signal,
    patience
  })
  try {
    return { ...(await job.run()), ...tally }
  } finally {
    state.close()
    await gateway.close()
  }
}

/** The requests that a batch can take. What is asked for several times is asked once, for the tags of all. */
function itemsOf(requests: readonly PrefetchRequest[], tally: { unsuitable: number }): readonly Item[] {
  const items = new Map<string, Item>()
  for (const request of requests) {
    const item = itemOf(request)
    if (item === undefined) {
      tally.unsuitable += 1
      continue
    }
    const same = items.get(item.digest)
    const tags = [...new Set([...(same?.tags ?? []), ...item.tags])]
    items.set(item.digest, { ...(same ?? item), tags: tags.slice(0, mostTags) })
  }
  return [...items.values()]
}

/** A request as a batch can take it; undefined for one that none can. */
function itemOf({ path, body, tags, ttl, scope }: PrefetchRequest): Item | undefined {
  // An address with a query asks for more than a batch can say.
  const wire = wires.find((one) => `/v1${one.path}` === path)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const text = bytes.toString()
  const parsed = JSON.parse(text) as JsonObject
  const { model, stream } = parsed
  if (wire === undefined || typeof model !== 'string' || stream === true) return undefined
  // The gateway reads answers' requests as JSON, and these would become others.
  if (inexactNumbers(text).some((number) => JSON.stringify(Number(number)) !== number)) return undefined
  const hash = createHash('sha256')
    .update(JSON.stringify([path, scope]))
    .update(canonical(parsed))
  return {
    dialect: wire.dialect.name,
    path,
    model,
    body: bytes,
    digest: hash.digest('base64url').slice(0, 22),
    tags,
    ...(ttl === undefined ? {} : { ttl }),
    ...(scope === undefined ? {} : { scope })
  }
}

/** Those that are not in the cache, and whose answers would be stored. */
async function lacking(
  items: readonly Item[],
  gateway: BatchGateway,
  { concurrency = 8, signal }: PrefetchOptions,
  tally: { hits: number; unsuitable: number }
): Promise<BatchLacking<Item>> {
  const found: Item[] = []
  const rest = items.values()
  async function work(): Promise<void> {
    for (const item of rest) {
      if (signal.aborted) throw new RepriseError('aborted', 'interrupted')
      const state = await gateway.state(item)
      if (state === 'lacking') found.push(item)
      else if (state === 'there') tally.hits += 1
      else tally.unsuitable += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  const good: Item[] = []
  let mark = Number.MAX_SAFE_INTEGER
  for (const chunk of chunks(found)) {
    const { refused, mark: latest } = await patiently(() => gateway.check(chunk), attempts, signal)
    mark = Math.min(mark, latest)
    good.push(...chunk.filter((_, index) => !refused.has(index)))
    tally.unsuitable += refused.size
  }
  return { items: good, mark }
}

async function storeAll(
  answers: readonly BatchAnswer<Item>[],
  mark: number,
  gateway: BatchGateway,
  signal: AbortSignal
): Promise<BatchStored> {
  const refused = new Map<number, string>()
  let costUsd = 0
  let unpriced = 0
  const places = new Map(answers.map(({ item }, place) => [item, place]))
  const answerOf = (item: Item): JsonObject => answers[places.get(item) ?? -1]?.answer ?? {}
  for (const chunk of chunks(answers.map(({ item }) => item))) {
    let open = chunk
    for (let attempt = 1; open.length > 0; attempt++) {
      const stored = await gateway.store(open, open.map(answerOf), mark)
      costUsd += stored.costUsd
      unpriced += stored.unpriced
      // It has been paid for: a store that was in haste may take it in a moment.
      const isLast = attempt === attempts
      for (const [index, why] of stored.refused) {
        const item = open[index]
        if (item !== undefined && (isLast || !stored.retryable.has(index))) refused.set(places.get(item) ?? -1, why)
      }
      open = isLast ? [] : open.filter((_, index) => stored.retryable.has(index))
      if (open.length > 0) await pause(250 * 2 ** attempt, signal)
    }
  }
  return { refused, costUsd, unpriced }
}

/** So many at a time; those of one credential and one scope together, because one request has one of each. */
function* chunks(items: readonly Item[]): Generator<readonly Item[]> {
  const open = new Map<string, { items: Item[]; bytes: number }>()
  for (const item of items) {
    const name = JSON.stringify([item.dialect, item.scope])
    let chunk = open.get(name)
    if (chunk !== undefined && (chunk.items.length >= mostChecked || chunk.bytes + item.body.length > mostBytes)) {
      yield chunk.items
      chunk = undefined
    }
    chunk ??= { items: [], bytes: 0 }
    open.set(name, chunk)
    chunk.items.push(item)
    chunk.bytes += item.body.length
  }
  for (const { items: rest } of open.values()) yield rest
}
