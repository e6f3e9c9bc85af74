import { randomBytes } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import { type Batch, type Batches, type BatchLine, type BatchOutcome, limitOf, pageOf } from './batches.ts'
import { listOf, objectOf, textOf } from './checks.ts'
import type { Problem } from './endpoint.ts'
import type { Visit } from './visit.ts'

const mostLines = 100_000
const dayMs = 86_400_000

/** Anthropic's message batches: `/v1/messages/batches`, with what lies below it. `base`: its address, `http://HOST`. */
export class AnthropicBatches {
  readonly #batches: Batches

  constructor(batches: Batches) {
    this.#batches = batches
  }

  async answer(
    visit: Visit,
    { method, url, body, base }: { method: string; url: URL; body: JsonObject | undefined; base: string }
  ): Promise<void> {
    const [, , , , id, action] = url.pathname.split('/')
    if (id === undefined) return method === 'POST' ? this.#create(visit, body, base) : this.#list(visit, url, base)
    const batch = await this.#batches.find(id, 'anthropic')
    if (batch === undefined) return visit.refuse({ status: 404, message: `batch: ${id}`, param: null, code: null })
    if (action === 'cancel') this.#batches.cancel(batch)
    if (action !== 'results') return visit.json(show(batch, base))
    const { outcomes } = batch
    if (outcomes === undefined)
      return visit.refuse({ status: 404, message: 'results are not available yet', param: null, code: null })
    const text = outcomes.map((outcome) => `${JSON.stringify(resultLine(outcome))}\n`).join('')
    return visit.refuseWith({ status: 200, headers: { 'content-type': 'application/x-jsonl' }, body: text })
  }

  async #create(visit: Visit, body: JsonObject | undefined, base: string): Promise<void> {
    const requests = listOf(body?.['requests']).map(objectOf)
    const problem = problemOf(requests)
    if (problem !== undefined) return visit.refuse(problem)
    const id = `msgbatch_01${randomBytes(11).toString('hex')}`
    const lines = requests.map(
      (request): BatchLine => ({
        batch: id,
        customId: textOf(request['custom_id']),
        endpoint: 'messages',
        body: objectOf(request['params'])
      })
    )
    const batch = await this.#batches.make({ id, dialect: 'anthropic', lines, errors: [], about: {} })
    return visit.json(show(batch, base))
  }

  async #list(visit: Visit, url: URL, base: string): Promise<void> {
    const { searchParams } = url
    const { items, hasMore } = pageOf(await this.#batches.list('anthropic'), {
      after: searchParams.get('after_id'),
      before: searchParams.get('before_id'),
      limit: limitOf(url, 1000)
    })
    return visit.json({
      data: items.map((batch) => show(batch, base)),
      has_more: hasMore,
      first_id: items[0]?.id ?? null,
      last_id: items.at(-1)?.id ?? null
    })
  }
}

function problemOf(requests: readonly JsonObject[]): Problem | undefined {
  const wrong = (message: string): Problem => ({ message, param: null, code: null })
  if (requests.length === 0) return wrong('requests: List should have at least 1 item')
  if (requests.length > mostLines) return wrong(`requests: List should have at most ${mostLines} items`)
  const ids = new Set<string>()
  for (const [index, request] of requests.entries()) {
    const id = textOf(request['custom_id'])
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(id))
      return wrong(`requests.${index}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'`)
    if (ids.has(id)) return wrong(`requests.${index}.custom_id: duplicate custom_id ${id}`)
    ids.add(id)
    if (objectOf(request['params'])['stream'] === true)
      return wrong(`requests.${index}.params.stream: streaming is not supported in batches`)
  }
  return undefined
}

function show({ id, createdMs, endedMs, cancelledMs, lines, outcomes = [] }: Batch, base: string): JsonObject {
  const count = (type: string): number => outcomes.filter((outcome) => typeOf(outcome) === type).length
  const isOver = endedMs !== undefined
  return {
    id,
    type: 'message_batch',
    processing_status: isOver ? 'ended' : cancelledMs === undefined ? 'in_progress' : 'canceling',
    request_counts: {
      processing: isOver ? 0 : lines.length,
      succeeded: count('succeeded'),
      errored: count('errored'),
      canceled: count('canceled'),
      expired: count('expired')
    },
    created_at: new Date(createdMs).toISOString(),
    ended_at: isOver ? new Date(endedMs).toISOString() : null,
    expires_at: new Date(createdMs + dayMs).toISOString(),
    archived_at: null,
    cancel_initiated_at: cancelledMs === undefined ? null : new Date(cancelledMs).toISOString(),
    results_url: isOver ? `${base}/v1/messages/batches/${id}/results` : null
  }
}

function typeOf(outcome: BatchOutcome): string {
  if (outcome.type !== 'answered') return outcome.type
  return outcome.status === 200 ? 'succeeded' : 'errored'
}

function resultLine(outcome: BatchOutcome): JsonObject {
  const type = typeOf(outcome)
  const { customId } = outcome.line
  if (outcome.type !== 'answered') return { custom_id: customId, result: { type } }
  const result = type === 'succeeded' ? { type, message: outcome.body } : { type, error: outcome.body }
  return { custom_id: customId, result }
}
