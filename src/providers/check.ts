import { validateHeaderName, validateHeaderValue } from 'node:http'
import { RepriseError } from '../core/errors.ts'
import { withoutHopByHop } from './hop-by-hop.ts'

export interface Address {
  /** Without a slash at its end. */
  readonly baseUrl: string
  readonly origin: string
  /** Nothing, or a path without a slash at its end. */
  readonly basePath: string
}

/** Takes a base URL apart. @throws RepriseError `invalid-option` naming the provider, what was expected and got */
export function checkedAddress(provider: string, url: string): Address {
  const baseUrl = url.replace(/\/+$/, '')
  const parsed = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw wrong(`${provider}: expected a URL such as https://api.example.com/v1, got ${JSON.stringify(baseUrl)}`)
  }
  // It appears in errors and lists, where no password may stand.
  if (parsed.username !== '' || parsed.password !== '') {
    throw wrong(`${provider}: expected a URL without a user, got one at ${parsed.host}; its credential goes in \`key\``)
  }
  if (parsed.search !== '' || parsed.hash !== '') {
    throw wrong(
      `${provider}: expected a URL that ends with its path, got more behind ${parsed.origin}${parsed.pathname}`
    )
  }
  return { baseUrl, origin: parsed.origin, basePath: parsed.pathname === '/' ? '' : parsed.pathname }
}

/** Headers with their names in lower case. @throws RepriseError `invalid-option`, which never repeats a value */
export function checkedHeaders(
  provider: string,
  option: string,
  headers: Readonly<Record<string, string>> = {}
): Readonly<Record<string, string>> {
  const checked: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (lower === 'content-length' || Object.keys(withoutHopByHop({ [lower]: value })).length === 0) {
      throw wrong(`${provider}: ${option}: ${name} belongs to the connection and cannot be set; leave it out`)
    }
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      throw wrong(`${provider}: ${option}: expected what can be sent as a header, and ${JSON.stringify(name)} cannot`)
    }
    checked[lower] = value
  }
  return checked
}

/** A duration in milliseconds. @throws RepriseError `invalid-option` naming the provider, what was expected and got */
export function checkedTimeout(provider: string, option: string, ms: number): number {
  if (Number.isFinite(ms) && ms > 0) return ms
  throw wrong(`${provider}: ${option}: expected milliseconds above 0, got ${ms}`)
}

function wrong(message: string): RepriseError {
  return new RepriseError('invalid-option', message)
}
