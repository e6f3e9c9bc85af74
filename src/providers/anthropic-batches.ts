import { RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import {
  type BatchApi,
  type BatchCaller,
  type BatchResult,
  type BatchState,
  madeId,
  messageIn,
  numberOf,
  objectsOf,
  textOf
} from './batch-api.ts'

/** As many as a page of a list is asked for. */
const pageSize = 100

/** Anthropic's Message Batches. A batch says nothing of who has made it but by the ids in its results. */
export function anthropicBatches(caller: BatchCaller): BatchApi {
  /** Whether the results of a batch that has ended are of requests of a name. */
  async function isOf(name: string, state: BatchState, signal: AbortSignal): Promise<boolean> {
    const [path] = state.results
    if (path === undefined) return false
    try {
      for await (const line of caller.lines(path, signal)) {
        return textOf(line['custom_id']).startsWith(`${name}-`)
      }
    } catch (error) {
      // Results that are no longer kept are of a time long before. Who may not read them knows nothing of them.
      if (!(error instanceof RepriseError) || error.retryable || [401, 403].includes(error.status)) throw error
    }
    return false
  }

  return {
    dialect: 'anthropic',
    maxRequests: 100_000,
    // 256 MB.
    maxBytes: 250_000_000,

    lineOf({ customId, body }) {
      return Buffer.concat([Buffer.from(`{"custom_id":${JSON.stringify(customId)},"params":`), body, Buffer.from('}')])
    },

    async newest(signal) {
      const { data } = await caller.json('GET', '/v1/messages/batches?limit=1', signal)
      return textOf(objectsOf(data)[0]?.['id']) || undefined
    },

    async submit(_name, _path, lines, signal) {
      const parts = lines.flatMap((line, index) => (index === 0 ? [line] : [comma, line]))
      const bytes = Buffer.concat([Buffer.from('{"requests":['), ...parts, Buffer.from(']}')])
      const made = await caller.json('POST', '/v1/messages/batches', signal, { type: 'application/json', bytes })
      return { ...stateOf(made), id: madeId('anthropic', made) }
    },

    async find({ name, count, after, others }, signal) {
      let mayBe = false
      for (let cursor = ''; ; ) {
        const page = await caller.json('GET', `/v1/messages/batches?limit=${pageSize}${cursor}`, signal)
        const batches = objectsOf(page['data'])
        let isBeyond = false
        for (const batch of batches) {
          const id = textOf(batch['id'])
          isBeyond ||= id === after
          if (isBeyond || others.has(id) || countOf(batch) !== count) continue
          const state = stateOf(batch)
          if (!state.isOver) mayBe = true
          else if (await isOf(name, state, signal)) return state
        }
        const last = textOf(batches.at(-1)?.['id'])
        if (isBeyond || page['has_more'] !== true || last === '') return mayBe ? 'perhaps' : undefined
        cursor = `&after_id=${encodeURIComponent(last)}`
      }
    },

    look: async (id, signal) =>
      stateOf(await caller.json('GET', `/v1/messages/batches/${encodeURIComponent(id)}`, signal)),

    async *results({ results }, signal) {
      for (const path of results) {
        for await (const line of caller.lines(path, signal)) {
          const result = resultOf(line)
          if (result.customId !== '') yield result
        }
      }
    }
  }
}

const comma = Buffer.from(',')
const outcomes = ['processing', 'succeeded', 'errored', 'canceled', 'expired']

function countsOf(batch: JsonObject): JsonObject {
  return isObject(batch['request_counts']) ? batch['request_counts'] : {}
}

function countOf(batch: JsonObject): number {
  return outcomes.reduce((sum, outcome) => sum + numberOf(countsOf(batch)[outcome]), 0)
}

function stateOf(batch: JsonObject): BatchState {
  const id = textOf(batch['id'])
  const isOver = batch['processing_status'] === 'ended'
  const counts = countsOf(batch)
  const done = numberOf(counts['succeeded'])
  const left = countOf(batch) - done - numberOf(counts['processing'])
  // By its path and not by `results_url`: that names the provider, and who is asked may stand before it.
  const results = isOver ? [`/v1/messages/batches/${encodeURIComponent(id)}/results`] : []
  return { id, isOver, done, failed: left, results }
}

function resultOf(line: JsonObject): BatchResult {
  const customId = textOf(line['custom_id'])
  const { result } = line
  if (!isObject(result)) return { customId, problem: 'no answer' }
  const { type, message, error } = result
  if (type === 'succeeded' && isObject(message)) return { customId, answer: message }
  return { customId, problem: error === undefined ? textOf(type) : `${textOf(type)}: ${messageIn(error)}` }
}
