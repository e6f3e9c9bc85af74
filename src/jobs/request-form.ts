import { RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { wires } from '../wires/open.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import type { Wire } from '../wires/wire.ts'

/** A request as a line may hold it: bare, or as a field of something else. */
export interface RequestForm {
  /** The field that holds the request; undefined: it is the line itself. */
  readonly field: 'request' | 'body' | 'params' | undefined
  readonly request: JsonObject
  readonly wire: Wire
  /** Where it is to be sent, with its query: `/v1/messages?beta=true`. */
  readonly path: string
}

const forms =
  'a request ({"model": ..., "messages": [...]}), {"endpoint": ..., "request": {...}}, ' +
  '{"method": "POST", "url": ..., "body": {...}} or {"custom_id": ..., "params": {...}}'

/**
 * Finds the request in a value: `request` with or without `endpoint`; OpenAI's batch form with `url` and `body`;
 * Anthropic's with `params`, which are always of its messages; else the value is the request itself. Where nothing names
 * an endpoint the request's own fields do.
 * @throws RepriseError `invalid-body` saying what was expected and got
 */
export function requestForm(value: unknown): RequestForm {
  if (!isObject(value)) throw invalid(`expected ${forms}, got ${excerpt(value)}`)
  const { request, body, params, endpoint, url, method, messages, input } = value
  if (isObject(request)) return formOf('request', request, wireNamed('endpoint', endpoint) ?? wireNamed('url', url))
  if (isObject(body)) {
    if (method !== undefined && String(method).toUpperCase() !== 'POST') {
      throw invalid(`method: expected "POST", got ${excerpt(method)}`, 'method')
    }
    return formOf('body', body, wireNamed('url', url) ?? wireNamed('endpoint', endpoint))
  }
  if (isObject(params)) return formOf('params', params, { wire: anthropicMessages, query: '' })
  if (messages !== undefined || input !== undefined) return formOf(undefined, value, undefined)
  throw invalid(`expected ${forms}, got ${excerpt(value)}`)
}

/** A value in a few words, for one who has written it. */
export function excerpt(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

interface Named {
  readonly wire: Wire
  readonly query: string
}

const allWires: readonly Wire[] = [...wires, openaiEmbeddings]

function formOf(field: RequestForm['field'], request: JsonObject, named: Named | undefined): RequestForm {
  const wire = named?.wire ?? likelyWire(request)
  return { field, request, wire, path: `/v1${wire.path}${named?.query ?? ''}` }
}

function wireNamed(field: string, endpoint: Json | undefined): Named | undefined {
  if (endpoint === undefined) return undefined
  const [path = '', query] = String(endpoint).split(/(?=\?)/, 2)
  const wire = allWires.find((one) => one.path === path.replace(/^\/?(v1)?\/?/, '/'))
  if (wire !== undefined && typeof endpoint === 'string') return { wire, query: query ?? '' }
  const known = allWires.map((one) => `/v1${one.path}`).join(', ')
  throw invalid(`${field}: expected one of ${known}, got ${excerpt(endpoint)}`, field)
}

/** Fields of Anthropic's messages that chat completions do not have. */
const onlyInMessages = ['system', 'stop_sequences', 'thinking', 'mcp_servers', 'container', 'output_config']
const onlyInEmbeddings = ['encoding_format', 'dimensions']

function likelyWire(request: JsonObject): Wire {
  const { model, messages, input } = request
  const has = (fields: readonly string[]): boolean => fields.some((field) => request[field] !== undefined)
  if (messages !== undefined) {
    if (has(onlyInMessages)) return anthropicMessages
    // Chat completions need no such number, and have turns of others than the two who speak.
    const isClaude =
      typeof model === 'string' && model.startsWith('claude') && typeof request['max_tokens'] === 'number'
    return isClaude && Array.isArray(messages) && messages.every(speaksAsAnthropic) ? anthropicMessages : openaiChat
  }
  if (input !== undefined) {
    const isEmbedding =
      has(onlyInEmbeddings) ||
      (typeof model === 'string' && /embed/i.test(model)) ||
      (Array.isArray(input) && input.length > 0 && !input.some(isObject))
    return isEmbedding ? openaiEmbeddings : openaiResponses
  }
  throw invalid(`expected a request with "messages" or "input", or an "endpoint" beside it, got ${excerpt(request)}`)
}

function speaksAsAnthropic(message: unknown): boolean {
  return isObject(message) && (message['role'] === 'user' || message['role'] === 'assistant')
}

function invalid(message: string, field?: string): RepriseError {
  return new RepriseError('invalid-body', message, field === undefined ? {} : { field })
}
