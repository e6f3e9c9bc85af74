import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type JsonObject } from '../../core/json.ts'
import {
  type Batch,
  type BatchError,
  type Batches,
  type BatchLine,
  type BatchOutcome,
  limitOf,
  pageOf
} from './batches.ts'
import { objectOf, textOf } from './checks.ts'
import type { EndpointName, Problem } from './endpoint.ts'
import type { Visit } from './visit.ts'

interface File {
  readonly id: string
  readonly name: string
  readonly purpose: string
  readonly createdMs: number
  readonly bytes: Buffer
}

interface Exchange {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly body: JsonObject | undefined
}

const endpoints: Readonly<Record<string, EndpointName>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'responses',
  '/v1/embeddings': 'embeddings'
}
const mostLines = 50_000
const mostBytes = 200 * 1000 * 1000
const dayMs = 86_400_000

/** OpenAI's files and batches: `/v1/files` and `/v1/batches`, with what lies below them. */
export class OpenaiBatches {
  readonly #batches: Batches
  readonly #files = new Map<string, File>()

  constructor(batches: Batches) {
    this.#batches = batches
  }

  async answer(visit: Visit, exchange: Exchange): Promise<void> {
    const { method, url } = exchange
    const [, , resource, id, action] = url.pathname.split('/')
    if (resource === 'files') {
      if (method === 'POST') return this.#upload(visit, exchange)
      const file = this.#files.get(id ?? '')
      if (file === undefined) return visit.refuse(noSuch('File object', id))
      if (action === 'content') return sendText(visit, file.bytes.toString())
      return visit.json(fileObject(file))
    }
    if (id === undefined) return method === 'POST' ? this.#create(visit, exchange.body) : this.#list(visit, url)
    const batch = await this.#batches.find(id, 'openai')
    if (batch === undefined) return visit.refuse(noSuch('Batch', id))
    if (action === 'cancel') this.#batches.cancel(batch)
    return visit.json(this.#show(batch))
  }

  async #upload(visit: Visit, { headers, bytes }: Exchange): Promise<void> {
    const type = String(headers['content-type'] ?? '')
    const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData()
    const [file, purpose] = [form.get('file'), form.get('purpose')]
    if (file === null || typeof file === 'string')
      return visit.refuse({ message: "'file' is a required property", param: 'file', code: null })
    if (typeof purpose !== 'string')
      return visit.refuse({ message: "'purpose' is a required property", param: 'purpose', code: null })
    const content = Buffer.from(await file.arrayBuffer())
    return visit.json(fileObject(this.#keep(file.name, purpose, content)))
  }

  #keep(name: string, purpose: string, bytes: Buffer): File {
    const file = { id: `file-${randomBytes(12).toString('hex')}`, name, purpose, createdMs: Date.now(), bytes }
    this.#files.set(file.id, file)
    return file
  }

  async #create(visit: Visit, body: JsonObject = {}): Promise<void> {
    const { endpoint, completion_window: window, metadata = null } = body
    const file = this.#files.get(textOf(body['input_file_id']))
    const name = endpoints[textOf(endpoint)]
    if (name === undefined)
      return visit.refuse({
        message: `Invalid value: '${textOf(endpoint)}'.`,
        param: 'endpoint',
        code: 'invalid_value'
      })
    if (window !== '24h')
      return visit.refuse({
        message: "Supported values are: '24h'.",
        param: 'completion_window',
        code: 'invalid_value'
      })
    if (file?.purpose !== 'batch')
      return visit.refuse({ message: 'Invalid input file.', param: 'input_file_id', code: 'invalid_value' })
    const id = `batch_${randomBytes(12).toString('hex')}`
    const { lines, errors } = linesOf(file.bytes, { batch: id, url: textOf(endpoint), endpoint: name })
    const about = { endpoint: textOf(endpoint), input_file_id: file.id, metadata }
    const batch = await this.#batches.make({ id, dialect: 'openai', lines, errors, about })
    return visit.json({ ...this.#show(batch), status: 'validating' })
  }

  async #list(visit: Visit, url: URL): Promise<void> {
    const all = await this.#batches.list('openai')
    const { items, hasMore } = pageOf(all, { after: url.searchParams.get('after'), limit: limitOf(url, 100) })
    return visit.json({
      object: 'list',
      data: items.map((batch) => this.#show(batch)),
      first_id: items[0]?.id ?? null,
      last_id: items.at(-1)?.id ?? null,
      has_more: hasMore
    })
  }

  #show(batch: Batch): JsonObject {
    const { id, createdMs, endedMs, cancelledMs, outcomes = [], lines, errors } = batch
    const good = outcomes.filter((outcome) => outcome.type === 'answered' && outcome.status === 200)
    const bad = outcomes.filter((outcome) => !good.includes(outcome))
    const isExpired = outcomes.some(({ type }) => type === 'expired')
    const ended = cancelledMs !== undefined ? 'cancelled' : isExpired ? 'expired' : 'completed'
    const status = errors.length > 0 ? 'failed' : endedMs === undefined ? 'in_progress' : ended
    const at = (name: string): number | null => (status === name ? seconds(endedMs ?? createdMs) : null)
    return {
      id,
      object: 'batch',
      ...batch.about,
      errors: errors.length === 0 ? null : { object: 'list', data: errors.map((error) => ({ ...error, param: null })) },
      completion_window: '24h',
      status,
      output_file_id: this.#fileOf(batch, 'output', good),
      error_file_id: this.#fileOf(batch, 'error', bad),
      created_at: seconds(createdMs),
      in_progress_at: status === 'failed' ? null : seconds(createdMs),
      expires_at: seconds(createdMs + dayMs),
      finalizing_at: endedMs === undefined ? null : seconds(endedMs),
      completed_at: at('completed'),
      failed_at: at('failed'),
      expired_at: at('expired'),
      cancelling_at: cancelledMs === undefined ? null : seconds(cancelledMs),
      cancelled_at: at('cancelled'),
      request_counts: { total: status === 'failed' ? 0 : lines.length, completed: good.length, failed: bad.length }
    }
  }

  /** The file of such outcomes, named after its batch; null when there are none. */
  #fileOf({ id }: Batch, what: 'output' | 'error', outcomes: readonly BatchOutcome[]): string | null {
    if (outcomes.length === 0) return null
    const name = `${id}_${what}.jsonl`
    const known = [...this.#files.values()].find((file) => file.name === name)
    if (known !== undefined) return known.id
    const text = outcomes.map((outcome) => `${JSON.stringify(resultLine(outcome))}\n`).join('')
    return this.#keep(name, 'batch_output', Buffer.from(text)).id
  }
}

function resultLine(outcome: BatchOutcome): JsonObject {
  const id = `batch_req_${randomBytes(12).toString('hex')}`
  const { customId } = outcome.line
  if (outcome.type !== 'answered') {
    const isExpired = outcome.type === 'expired'
    const message = isExpired
      ? 'This request could not be executed before the completion window expired.'
      : 'This request was cancelled with its batch.'
    const code = isExpired ? 'batch_expired' : 'batch_cancelled'
    return { id, custom_id: customId, response: null, error: { code, message } }
  }
  const { status, body } = outcome
  const response = { status_code: status, request_id: randomBytes(16).toString('hex'), body }
  return { id, custom_id: customId, response, error: null }
}

/** The requests of an input file, or what is wrong with them. */
function linesOf(
  bytes: Buffer,
  { batch, url, endpoint }: { readonly batch: string; readonly url: string; readonly endpoint: EndpointName }
): { readonly lines: readonly BatchLine[]; readonly errors: readonly BatchError[] } {
  const lines: BatchLine[] = []
  const errors: BatchError[] = []
  const ids = new Set<string>()
  const models = new Set<string>()
  const texts = bytes
    .toString()
    .split('\n')
    .filter((text) => text.trim() !== '')
  for (const [index, text] of texts.entries()) {
    const wrong = (code: string, message: string): void => {
      errors.push({ code, line: index + 1, message })
    }
    const value = parsed(text)
    const { custom_id: customId, method, body } = value
    if (typeof customId !== 'string') wrong('missing_required_parameter', 'Missing required parameter: custom_id.')
    else if (ids.has(customId)) wrong('duplicate_custom_id', `The custom_id '${customId}' is duplicated.`)
    else if (method !== 'POST') wrong('invalid_method', 'The method must be POST.')
    else if (value['url'] !== url) wrong('mismatched_url', 'The URL does not match the endpoint of the batch.')
    else if (!isObject(body)) wrong('invalid_json_line', 'This line is not parseable as valid JSON.')
    else {
      ids.add(customId)
      models.add(textOf(objectOf(body)['model']))
      if (models.size > 1) wrong('mismatched_model', 'All requests of a batch must be for the same model.')
      lines.push({ batch, customId, endpoint, body })
    }
  }
  if (texts.length === 0) errors.push({ code: 'empty_file', line: 1, message: 'The input file is empty.' })
  if (texts.length > mostLines || bytes.length > mostBytes)
    errors.push({ code: 'too_large', line: 1, message: 'The input file is too large.' })
  return { lines, errors }
}

function parsed(text: string): JsonObject {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return {}
  }
}

function fileObject({ id, name, purpose, createdMs, bytes }: File): JsonObject {
  return {
    id,
    object: 'file',
    bytes: bytes.length,
    created_at: seconds(createdMs),
    filename: name,
    purpose,
    status: 'processed',
    status_details: null,
    expires_at: null
  }
}

function sendText(visit: Visit, body: string): void {
  visit.refuseWith({ status: 200, headers: { 'content-type': 'application/octet-stream' }, body })
}

function noSuch(what: string, id = ''): Problem {
  return { status: 404, message: `No such ${what}: ${id}`, param: 'id', code: null }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
