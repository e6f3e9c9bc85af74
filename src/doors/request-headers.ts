import type { IncomingHttpHeaders } from 'node:http'
import { withoutHopByHop } from '../providers/hop-by-hop.ts'

/** What concerns the gateway and not the provider, or is set anew on the way. */
const ownHeaders = new Set(['host', 'content-length', 'accept-encoding', 'cache-control', 'pragma', 'expect'])

/** The caller's headers as the provider may see them: credential, versions, tracing, and fields nobody here knows. */
export function providerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(withoutHopByHop(headers))) {
    if (ownHeaders.has(name) || name.startsWith('x-reprise-')) continue
    kept[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return kept
}

const versionNames = ['anthropic-version', 'anthropic-beta', 'openai-beta'] as const

/** The headers that choose among forms of an answer, and so belong to what is asked. */
export function versionHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  let found: Record<string, string> | undefined
  for (const name of versionNames) {
    const value = headers[name]
    if (value === undefined) continue
    found ??= {}
    found[name] = String(value)
  }
  return found ?? none
}

const none: Readonly<Record<string, string>> = Object.freeze({})
