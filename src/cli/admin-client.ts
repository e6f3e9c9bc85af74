import { type ErrorCode, errorTable, messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { adminTokenFile, adminTokenFor } from './admin-token.ts'
import { UsageError } from './usage-error.ts'

/** Where a gateway is that was started without saying where. */
const usualUrl = 'http://127.0.0.1:4141'

export interface AdminClientOptions {
  /** Of the gateway, with or without /v1. */
  readonly url: string
  /** Default: none, and then the gateway decides by where the call comes from. */
  readonly token?: string | undefined
  /** What the user names it with. Default: `--url`. */
  readonly flag?: string
}

/** Speaks with a gateway's administrative paths, in JSON. All throw what `adminClient` says. */
export interface AdminClient {
  /** Of the gateway, without /v1 and slashes at the end. */
  readonly url: string
  get(path: string): Promise<JsonObject>
  /** @param headers beside the token */
  post(path: string, body: Json, headers?: Readonly<Record<string, string>>): Promise<JsonObject>
  put(path: string, body: Json): Promise<JsonObject>
}

/**
 * A client of a running gateway.
 *
 * Its methods throw RepriseError in words that an operator can act on: `provider-unreachable` when nobody answers,
 * `unauthorized` when the token is missing or another, else the gateway's own code and message.
 */
export function adminClient({ url, token, flag = '--url' }: AdminClientOptions): AdminClient {
  const base = url.replace(/(\/v1)?\/*$/, '')

  async function ask(
    method: string,
    path: string,
    body?: Json,
    more: Readonly<Record<string, string>> = {}
  ): Promise<JsonObject> {
    let status: number
    let text: string
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        // The token is for the one it was meant for.
        redirect: 'manual',
        headers: {
          ...more,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { 'x-reprise-admin-token': token })
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      status = response.status
      text = await response.text()
    } catch (error) {
      throw new RepriseError(
        'provider-unreachable',
        `no gateway answers at ${base} (${reasonOf(error)}): start one (reprise serve), or name it with ${flag} URL`,
        { cause: error }
      )
    }
    const answer = parsed(text)
    if (status >= 200 && status < 300 && isObject(answer)) return answer
    throw refusal({ url: base, path, token, flag }, status, answer)
  }

  return {
    url: base,
    get: (path) => ask('GET', path),
    post: (path, body, headers) => ask('POST', path, body, headers),
    put: (path, body) => ask('PUT', path, body)
  }
}

/**
 * A client of the gateway that a command's `--url` names, with the token that is there for it.
 * @throws UsageError for what is no URL; RepriseError `invalid-option` for a token file that cannot be used
 */
export async function gatewayOf(
  command: string,
  url: string = usualUrl,
  environment: NodeJS.ProcessEnv = process.env
): Promise<AdminClient> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(command, `--url: expected a URL such as ${usualUrl}, got ${JSON.stringify(url)}`)
  }
  const { username, password } = new URL(url)
  if (username !== '' || password !== '') {
    throw new UsageError(command, '--url: expected a URL without a user and a password, got one with them')
  }
  return adminClient({ url, token: await adminTokenFor(url, environment) })
}

/** What to say to who has shown no token, or another. */
export function tokenRefused(url: string, token: string | undefined): RepriseError {
  const why = token === undefined ? 'wants its admin token, and none was found' : 'has another admin token'
  return new RepriseError(
    'unauthorized',
    `the gateway at ${url} ${why}: set REPRISE_ADMIN_TOKEN to what it was started with; one that was started without is asked on its own machine, by the user who started it (${adminTokenFile()})`
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message
  return messageOf(error)
}

interface Asked {
  readonly url: string
  readonly path: string
  readonly token: string | undefined
  readonly flag: string
}

function refusal({ url, path, token, flag }: Asked, status: number, answer: unknown): RepriseError {
  const error = isObject(answer) && isObject(answer['error']) ? answer['error'] : {}
  const { code, message } = error
  const said = message === undefined ? '' : `: ${onOneLine(String(message))}`
  if (status === 401 && code === 'unauthorized') return tokenRefused(url, token)
  if (typeof code !== 'string' || !Object.hasOwn(errorTable, code)) {
    return new RepriseError(
      'provider-malformed',
      `what answers at ${url} is no Reprise gateway, or one of another version (status ${status}${said}): name yours with ${flag} URL`
    )
  }
  if (code === 'not-found' && String(message).startsWith('no such path')) {
    return new RepriseError(
      'provider-malformed',
      `the gateway at ${url} has no ${path}: it is of another version, or has an admin-port, and --url has to name that`
    )
  }
  return new RepriseError(code as ErrorCode, `the gateway at ${url} answers ${status}${said}`, { status })
}

function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}
