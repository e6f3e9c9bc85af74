import { createHash } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { BatchJob } from '../jobs/batch-job.ts'
import { BatchJobState } from '../jobs/batch-job-state.ts'
import type { BatchItem, BatchPatience, BatchProgress, BatchReport } from '../jobs/batch-report.ts'
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
  const { url, headersOf, stateFile, signal, tell = () => {}, print = () => {}, patience = {} } = options
  const items = requests.flatMap((request) => itemOf(request) ?? [])
  const tally = { hits: 0, unsuitable: requests.length - items.length }
  const headers = { openai: headersOf('openai'), anthropic: headersOf('anthropic') }
  const purpose = createHash('sha256')
    .update(JSON.stringify([url, headers]))
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
    store: (answers) => storeAll(answers, gateway),
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

/** A request as a batch can take it; undefined for one that none can. */
function itemOf({ path, body, tags, ttl, scope }: PrefetchRequest): Item | undefined {
  // An address with a query asks for more than a batch can say.
  const wire = wires.find((one) => `/v1${one.path}` === path)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const text = bytes.toString()
  const { model, stream } = JSON.parse(text) as JsonObject
  if (wire === undefined || typeof model !== 'string' || stream === true) return undefined
  // The gateway reads answers' requests as JSON, and these would become others.
  if (inexactNumbers(text).some((number) => JSON.stringify(Number(number)) !== number)) return undefined
  const hash = createHash('sha256')
    .update(JSON.stringify([path, tags, ttl, scope]))
    .update(bytes)
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
): Promise<readonly Item[]> {
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
  for (const chunk of chunks(found)) {
    const { refused } = await gateway.store(chunk)
    good.push(...chunk.filter((_, index) => !refused.has(index)))
    tally.unsuitable += refused.size
  }
  return good
}

async function storeAll(
  answers: readonly { readonly item: Item; readonly answer: JsonObject }[],
  gateway: BatchGateway
): ReturnType<BatchGateway['store']> {
  const refused = new Map<number, string>()
  let costUsd = 0
  let unpriced = 0
  const places = new Map(answers.map(({ item }, place) => [item, place]))
  const answerOf = new Map(answers.map(({ item, answer }) => [item, answer]))
  for (const chunk of chunks(answers.map(({ item }) => item))) {
    const stored = await gateway.store(
      chunk,
      chunk.map((item) => answerOf.get(item) ?? {})
    )
    for (const [index, why] of stored.refused) {
      const item = chunk[index]
      if (item !== undefined) refused.set(places.get(item) ?? -1, why)
    }
    costUsd += stored.costUsd
    unpriced += stored.unpriced
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
