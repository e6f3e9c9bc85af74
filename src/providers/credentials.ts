import { credentialHeaders } from '../core/headers.ts'

type Headers = Readonly<Record<string, string>>

/** Headers that carry a credential, or say on whose account it is. */
const known: ReadonlySet<string> = new Set([...credentialHeaders, 'openai-organization', 'openai-project'])

/** And those that nobody has listed: what proxies, clouds and browsers call theirs. */
const telling =
  /(?:^|[-_])(?:api[-_]?key|access[-_]key|subscription-key|token|jwt|secret|password|credentials?|auth|authorization|authentication|assertion|session|cookie)$/

/** Parameters of an address in which some services take a key. */
const parameters: ReadonlySet<string> = new Set([
  'key',
  'api-key',
  'api_key',
  'apikey',
  'token',
  'access-token',
  'access_token',
  'auth',
  'auth_token',
  'authorization',
  'secret',
  'client_secret',
  'password',
  'subscription-key'
])

/** Where a browser, which cannot set headers of a WebSocket, says its key and its account. */
const protocols = 'sec-websocket-protocol'
const tellingProtocol = /^openai-(?:insecure-api-key|organization|project)\./

/**
 * A caller's headers without its credential: for a provider that it is not meant for, or that speaks another dialect
 * than the caller. Names in lower case.
 */
export function withoutCredentials(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (known.has(lower) || telling.test(lower)) continue
    const harmless = lower === protocols ? withoutTellingProtocols(value) : value
    if (harmless !== '' || value === '') kept[lower] = harmless
  }
  return kept
}

/** A path without the parameters that carry a credential, the others as they were. */
export function withoutCredentialParameters(path: string): string {
  return withoutParameters(path, (name) => parameters.has(name))
}

/** A path without the parameters whose name, in lower case, is `unwanted`; the others as they were. */
export function withoutParameters(path: string, unwanted: (name: string) => boolean): string {
  const mark = path.indexOf('?')
  if (mark === -1) return path
  const all = path.slice(mark + 1).split('&')
  const kept = all.filter((parameter) => !unwanted(nameOf(parameter)))
  if (kept.length === all.length) return path
  return kept.length === 0 ? path.slice(0, mark) : `${path.slice(0, mark)}?${kept.join('&')}`
}

function nameOf(parameter: string): string {
  const [name] = new URLSearchParams(parameter).keys()
  return (name ?? '').toLowerCase()
}

function withoutTellingProtocols(value: string): string {
  return value
    .split(',')
    .filter((protocol) => !tellingProtocol.test(protocol.trim().toLowerCase()))
    .join(',')
    .trim()
}
