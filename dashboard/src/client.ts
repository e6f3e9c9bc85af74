/** Speaks with the gateway this page comes from, wherever it lives: addresses are relative to the page. */
export interface Client {
  get<Said>(path: string, signal?: AbortSignal): Promise<Said>
  send<Said>(method: 'POST' | 'PUT', path: string, body: unknown): Promise<Said>
}

/** The gateway has answered with an error; `status` 0 when it could not be reached. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

/** Whoever asks may not: without the token, with another, or from where nobody may. */
export function mayNot(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.status === 403)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const patienceMs = 10_000
/** Counting and invalidating may take longer than looking. */
const longPatienceMs = 120_000

/** A client that shows this admin token, when there is one. */
export function client(token: string | undefined): Client {
  const headers: Record<string, string> = token === undefined ? {} : { 'x-reprise-admin-token': token }

  async function ask<Said>(path: string, init: RequestInit): Promise<Said> {
    const response = await reach(path, init)
    const said: unknown = await response.json().catch(() => undefined)
    if (response.ok && said !== undefined) return said as Said
    throw new ApiError(response.status, errorOf(said) ?? `The gateway answered ${response.status}.`)
  }

  return {
    get: (path, signal) => {
      const patience = AbortSignal.timeout(patienceMs)
      return ask(path, { headers, signal: signal === undefined ? patience : AbortSignal.any([signal, patience]) })
    },
    send: (method, path, body) =>
      ask(path, {
        method,
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(longPatienceMs)
      })
  }
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`../${path}`, { ...init, cache: 'no-store' })
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    throw new ApiError(0, late ? 'The gateway does not answer.' : 'The gateway cannot be reached.')
  }
}

function errorOf(said: unknown): string | undefined {
  const error = (said as { error?: { message?: unknown } } | undefined)?.error
  return typeof error?.message === 'string' ? error.message : undefined
}
