import { randomBytes } from 'node:crypto'
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

/** As many as a page of a list may hold. */
const pageSize = 100
/** What the batch says of itself when nobody remembers its id. */
const nameField = 'reprise'

/** OpenAI's Batch API: a file of requests, a batch of the file, and files of results. One batch is for one endpoint and one model. */
export function openaiBatches(caller: BatchCaller): BatchApi {
  return {
    dialect: 'openai',
    maxRequests: 50_000,
    // 200 MB, and room for what a form adds.
    maxBytes: 190_000_000,

    lineOf({ customId, path, body }) {
      const head = `{"custom_id":${JSON.stringify(customId)},"method":"POST","url":${JSON.stringify(path)},"body":`
      // One line, however the request was written: line feeds are nothing but space outside of JSON's texts.
      return Buffer.concat([Buffer.from(head), withoutLineFeeds(body), Buffer.from('}\n')])
    },

    async newest(signal) {
      const { data } = await caller.json('GET', '/v1/batches?limit=1', signal)
      return textOf(objectsOf(data)[0]?.['id']) || undefined
    },

    async submit(name, path, lines, signal) {
      const file = await caller.json('POST', '/v1/files', signal, formOf(name, lines))
      const body = {
        input_file_id: madeId('openai', file),
        endpoint: path,
        completion_window: '24h',
        metadata: { [nameField]: name }
      }
      const bytes = Buffer.from(JSON.stringify(body))
      const made = await caller.json('POST', '/v1/batches', signal, { type: 'application/json', bytes })
      return { ...stateOf(made), id: madeId('openai', made) }
    },

    async find({ name, after }, signal) {
      for (let cursor = ''; ; ) {
        const page = await caller.json('GET', `/v1/batches?limit=${pageSize}${cursor}`, signal)
        const batches = objectsOf(page['data'])
        for (const batch of batches) {
          if (batch['id'] === after) return undefined
          const { metadata } = batch
          if (isObject(metadata) && metadata[nameField] === name) return stateOf(batch)
        }
        const last = textOf(batches.at(-1)?.['id'])
        if (page['has_more'] !== true || last === '') return undefined
        cursor = `&after=${encodeURIComponent(last)}`
      }
    },

    look: async (id, signal) => stateOf(await caller.json('GET', `/v1/batches/${encodeURIComponent(id)}`, signal)),

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

const over: ReadonlySet<string> = new Set(['failed', 'completed', 'expired', 'cancelled'])

function stateOf(batch: JsonObject): BatchState {
  const status = textOf(batch['status'])
  const counts = isObject(batch['request_counts']) ? batch['request_counts'] : {}
  const files = [batch['output_file_id'], batch['error_file_id']].map(textOf).filter((id) => id !== '')
  const { errors } = batch
  const [first] = objectsOf(isObject(errors) ? errors['data'] : undefined)
  const why = first === undefined ? '' : `: ${messageIn(first)}`
  return {
    id: textOf(batch['id']),
    isOver: over.has(status),
    done: numberOf(counts['completed']),
    failed: numberOf(counts['failed']),
    results: files.map((id) => `/v1/files/${encodeURIComponent(id)}/content`),
    ...(over.has(status) && status !== 'completed' ? { problem: `${status}${why}` } : {})
  }
}

function resultOf(line: JsonObject): BatchResult {
  const customId = textOf(line['custom_id'])
  const { response, error } = line
  if (!isObject(response)) return { customId, problem: messageIn(error) || 'no answer' }
  const { status_code: status, body } = response
  if (status === 200 && isObject(body)) return { customId, answer: body }
  return { customId, problem: `status ${String(status)}: ${messageIn(body)}` }
}

function formOf(name: string, lines: readonly Buffer[]): { readonly type: string; readonly bytes: Buffer } {
  const boundary = `reprise-${randomBytes(16).toString('hex')}`
  const part = (about: string): Buffer => Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${about}\r\n`)
  const bytes = Buffer.concat([
    part('name="purpose"'),
    Buffer.from('\r\nbatch\r\n'),
    part(`name="file"; filename="${name}.jsonl"`),
    Buffer.from('Content-Type: application/jsonl\r\n\r\n'),
    ...lines,
    Buffer.from(`\r\n--${boundary}--\r\n`)
  ])
  return { type: `multipart/form-data; boundary=${boundary}`, bytes }
}

function withoutLineFeeds(body: Buffer): Buffer {
  if (!body.includes(10) && !body.includes(13)) return body
  return Buffer.from(body.map((byte) => (byte === 10 || byte === 13 ? 32 : byte)))
}
