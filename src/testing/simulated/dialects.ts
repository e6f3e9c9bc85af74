import type { IncomingHttpHeaders } from 'node:http'
import type { JsonObject } from '../../core/json.ts'
import type { DialectName, Problem } from './endpoint.ts'

interface HeaderFacts {
  readonly requestId: string
  readonly calls: number
  readonly tookMs: number
}

/** How one provider speaks around its answers: of errors, of credentials and of its limits. */
export interface Dialect {
  readonly name: DialectName
  /** Why the caller is not let in; undefined when it is. `keys` are the accepted ones; undefined accepts all. */
  refuse(headers: IncomingHttpHeaders, keys: readonly string[] | undefined): Problem | undefined
  error(status: number, problem: Problem, requestId: string): JsonObject
  headers(facts: HeaderFacts): Record<string, string>
  /** What it says of its own accord with a status that is not 200. */
  excuse(status: number): Problem
  requestId(id: (length: number) => string): string
}

export const openai: Dialect = {
  name: 'openai',

  refuse(headers, keys) {
    const key = bearer(headers)
    if (key === '') {
      return {
        status: 401,
        message:
          "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        param: null,
        code: null
      }
    }
    if (keys === undefined || keys.includes(key)) return undefined
    const masked = `${key.slice(0, 3)}****${key.slice(-4)}`
    return { status: 401, message: `Incorrect API key provided: ${masked}.`, param: null, code: 'invalid_api_key' }
  },

  error(status, { message, param, code }) {
    const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error'
    return { error: { message, type, param, code } }
  },

  headers({ requestId, calls, tookMs }) {
    return {
      'x-request-id': requestId,
      'openai-organization': 'org-simulated',
      'openai-processing-ms': String(Math.round(tookMs)),
      'openai-version': '2020-10-01',
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-limit-tokens': '2000000',
      'x-ratelimit-remaining-requests': String(Math.max(0, 10_000 - calls)),
      'x-ratelimit-remaining-tokens': String(Math.max(0, 2_000_000 - 500 * calls)),
      'x-ratelimit-reset-requests': '6ms',
      'x-ratelimit-reset-tokens': '12ms'
    }
  },

  excuse(status) {
    if (status === 429) {
      return {
        message: 'Rate limit reached for requests. Please try again later.',
        param: null,
        code: 'rate_limit_exceeded'
      }
    }
    if (status >= 500) {
      return {
        message: 'The server had an error while processing your request. Sorry about that!',
        param: null,
        code: null
      }
    }
    return { message: `The request was refused with status ${status}.`, param: null, code: null }
  },

  requestId: (id) => `req_${id(32)}`
}

const anthropicTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error'
}

export const anthropic: Dialect = {
  name: 'anthropic',

  refuse(headers, keys) {
    const given = headers['x-api-key']
    const key = typeof given === 'string' && given !== '' ? given : bearer(headers)
    if (key === '') return { status: 401, message: 'x-api-key header is required', param: null, code: null }
    if (keys !== undefined && !keys.includes(key)) {
      return { status: 401, message: 'invalid x-api-key', param: null, code: null }
    }
    const version = headers['anthropic-version']
    if (version === undefined) {
      return { message: 'anthropic-version: header is required', param: 'anthropic-version', code: null }
    }
    if (typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version)) return undefined
    return { message: `anthropic-version: "${version}" is not a valid version`, param: 'anthropic-version', code: null }
  },

  error(status, { message }, requestId) {
    const type = anthropicTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
    return { type: 'error', error: { type, message }, request_id: requestId }
  },

  headers({ requestId, calls }) {
    const reset = `${new Date(Date.now() + 1000).toISOString().slice(0, 19)}Z`
    const limits = { requests: 4000, tokens: 480_000, 'input-tokens': 400_000, 'output-tokens': 80_000 }
    const headers: Record<string, string> = {
      'request-id': requestId,
      'anthropic-organization-id': '00000000-0000-4000-8000-000000000000'
    }
    for (const [what, limit] of Object.entries(limits)) {
      headers[`anthropic-ratelimit-${what}-limit`] = String(limit)
      headers[`anthropic-ratelimit-${what}-remaining`] = String(Math.max(0, limit - calls))
      headers[`anthropic-ratelimit-${what}-reset`] = reset
    }
    return headers
  },

  excuse(status) {
    const messages: Readonly<Record<number, string>> = {
      429: 'This request would exceed your rate limit. Please try again later.',
      500: 'Internal server error',
      529: 'Overloaded'
    }
    return { message: messages[status] ?? `The request was refused with status ${status}.`, param: null, code: null }
  },

  requestId: (id) => `req_011${id(21)}`
}

function bearer(headers: IncomingHttpHeaders): string {
  return /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}
