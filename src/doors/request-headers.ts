import type { IncomingHttpHeaders } from 'node:http'
import { withoutHopByHop } from '../providers/hop-by-hop.ts'
import { configWithoutCache } from './other-caches.ts'

/** What concerns the gateway and not the provider, or is set anew on the way. */
const ownHeaders = new Set(['host', 'content-length', 'accept-encoding', 'cache-control', 'pragma', 'expect'])

/**
 * What other caches' callers ask of a cache, and have asked of this one. Whatever else of theirs there is (their
 * credentials, whom to ask, what not to log) is passed on: the provider may be one of them.
 */
const otherCachesHeaders = new Set([
  'x-portkey-cache',
  'x-portkey-cache-force-refresh',
  'x-portkey-cache-namespace',
  'helicone-cache-enabled',
  'helicone-cache-control',
  'helicone-cache-seed',
  'helicone-cache-bucket-max-size',
  'helicone-cache-ignore-keys',
  'cf-aig-cache-ttl',
  'cf-aig-cache-key',
  'cf-aig-skip-cache',
  'cf-cache-ttl',
  'cf-skip-cache'
])

/** The caller's headers as the provider may see them: credential, versions, tracing, and fields nobody here knows. */
export function providerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(withoutHopByHop(headers))) {
    if (ownHeaders.has(name) || name.startsWith('x-reprise-') || otherCachesHeaders.has(name)) continue
    const text = Array.isArray(value) ? value.join(', ') : value
    const passed = name === 'x-portkey-config' ? configWithoutCache(text) : text
    if (passed !== undefined) kept[name] = passed
  }
  return kept
}

/**
 * What chooses among forms of an answer; and what tells a gateway behind this one whom to ask, and for what: the same
 * model's name at somebody else's is another model.
 */
const versionNames = [
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
  'x-portkey-config',
  'x-portkey-provider',
  'x-portkey-custom-host',
  'helicone-target-url',
  'helicone-model-override',
  'helicone-fallbacks'
] as const

/** The headers that belong to what is asked. */
export function versionHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  let found: Record<string, string> | undefined
  for (const name of versionNames) {
    const value = headers[name]
    if (value === undefined) continue
    const said = name === 'x-portkey-config' ? configWithoutCache(String(value)) : String(value)
    if (said === undefined) continue
    found ??= {}
    found[name] = said
  }
  return found ?? none
}

const none: Readonly<Record<string, string>> = Object.freeze({})
