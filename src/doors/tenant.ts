import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { LRUCache } from 'lru-cache'
import { RepriseError } from '../core/errors.ts'
import { credentialHeaders } from '../core/headers.ts'

/** Headers that say on whose account a credential is used, or are the only one where the provider is a gateway itself. */
const accountHeaders = [
  'openai-organization',
  'openai-project',
  'x-portkey-api-key',
  'x-portkey-virtual-key',
  'helicone-auth',
  'cf-aig-authorization'
] as const

/** Tells callers apart without knowing them. */
export type TenantOf = (headers: IncomingHttpHeaders) => string

/** Callers that have a name, by the keys they call with. */
export type Tenants = Readonly<Record<string, readonly string[]>>

/**
 * The tenant of a request: its name where one of `tenants` calls with that key, else an HMAC-SHA-256 of its credential, so that neither a log nor a store ever holds one.
 * The same key sent as `authorization: Bearer` and as `x-api-key` is the same tenant.
 * `secret` must be the same in all processes that share a store.
 * @throws RepriseError `invalid-option` when two tenants have one key
 */
export function tenantByCredential(secret: string, tenants: Tenants = {}): TenantOf {
  const hashed = (credential: string): string => createHmac('sha256', secret).update(credential).digest('hex')
  const named = new Map<string, string>()
  for (const [name, key] of Object.entries(tenants).flatMap(([name, keys]) =>
    keys.map((key) => [name, key] as const)
  )) {
    const id = hashed(bare(key))
    const other = named.get(id) ?? name
    if (other !== name) {
      const reason = `expected each key to be that of one tenant, got one that ${other} and ${name} both have`
      throw new RepriseError('invalid-option', `tenants: ${reason}`)
    }
    named.set(id, name)
  }
  // Of what the memo is made of only hashes leave the process; it is bounded, since callers choose what they send.
  const known = new LRUCache<string, string>({ max: 10_000 })

  /** A name is for whoever shows one of its keys, whatever else is said. */
  function nameOf(headers: IncomingHttpHeaders): string | undefined {
    if (named.size === 0) return undefined
    for (const header of credentialHeaders) {
      const value = headers[header]
      const name = value === undefined ? undefined : named.get(hashed(bare(String(value))))
      if (name !== undefined) return name
    }
    return undefined
  }

  return function tenantOf(headers) {
    const credential = credentialOf(headers)
    let tenant = known.get(credential)
    if (tenant === undefined) {
      tenant = nameOf(headers) ?? hashed(credential)
      known.set(credential, tenant)
    }
    return tenant
  }
}

/** All that tells who is asking, as one text. */
function credentialOf(headers: IncomingHttpHeaders): string {
  let credential = ''
  for (const name of credentialHeaders) {
    const value = headers[name]
    if (value !== undefined) credential += `${bare(String(value))}\n`
  }
  for (const name of accountHeaders) {
    const value = headers[name]
    if (value !== undefined) credential += `${name}=${value}\n`
  }
  return credential
}

/** A key is the same key with `Bearer` before it and without. */
function bare(value: string): string {
  return /^bearer /i.test(value) ? value.slice('bearer '.length).trimStart() : value
}
