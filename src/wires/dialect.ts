import type { JsonObject } from '../core/json.ts'

/** How one provider speaks of errors. */
export interface Dialect {
  readonly name: 'openai' | 'anthropic'
  /** The body of an error, as the provider's own SDK reads it. */
  error(status: number, message: string, code: string, field?: string): JsonObject
}

export const openaiDialect: Dialect = {
  name: 'openai',
  error(status, message, code, field) {
    const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error'
    return { error: { message, type, param: field ?? null, code } }
  }
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error'
}

export const anthropicDialect: Dialect = {
  name: 'anthropic',
  error(status, message, code, field) {
    const type = anthropicTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
    // The dialect has no field for a code or a parameter; its SDK keeps the whole body, so they are added beside.
    return { type: 'error', error: { type, message, code, ...(field === undefined ? {} : { param: field }) } }
  }
}
