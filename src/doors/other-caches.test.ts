import type { IncomingHttpHeaders } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { type Controls, readControls, withBodyControls } from './controls.ts'
import { configWithoutCache, wishesOf } from './other-caches.ts'

const asUsual: Controls = { mode: {}, tags: [] }
const config = (cache: unknown): IncomingHttpHeaders => ({ 'x-portkey-config': JSON.stringify({ cache }) })

/** What is asked, but for in whose words. */
function asked(headers: IncomingHttpHeaders): Controls {
  const { tells: _whose, ...controls } = readControls(headers)
  return controls
}

describe("Portkey's headers", () => {
  it.each<[IncomingHttpHeaders, Partial<Controls>]>([
    [{ 'x-portkey-cache-force-refresh': 'true' }, { mode: { noCache: true } }],
    [{ 'x-portkey-cache-force-refresh': 'True' }, { mode: { noCache: true } }],
    [{ 'x-portkey-cache-force-refresh': 'false' }, {}],
    [{ 'x-portkey-cache-namespace': 'user-1' }, { scope: 'portkey:user-1' }],
    [{ 'x-portkey-cache-namespace': '' }, {}],
    [{ 'x-portkey-debug': 'false' }, { mode: { noStore: true } }],
    [{ 'x-portkey-debug': 'true' }, {}],
    [{ 'x-portkey-cache': 'simple' }, { mode: { exactOnly: true } }],
    [{ 'x-portkey-cache': 'semantic' }, {}],
    [config({ mode: 'simple', max_age: 60 }), { mode: { exactOnly: true }, ttlMs: 60_000 }],
    [config({ mode: 'semantic', max_age: '60' }), { ttlMs: 60_000 }],
    [config({ max_age: 0 }), { ttlMs: 0 }],
    [config({ max_age: -1 }), {}],
    [config({ max_age: 'soon' }), {}],
    [config('simple'), { mode: { exactOnly: true } }],
    [config(null), {}],
    [config([]), {}],
    [{ 'x-portkey-config': 'pc-cache-xxx' }, {}],
    [{ 'x-portkey-config': '{"cache":' }, {}],
    [{ 'x-portkey-config': '{"targets":[{}]}' }, {}],
    [{ 'x-portkey-api-key': 'pk', 'x-portkey-metadata': '{"_user":"a"}' }, {}]
  ])('%j ask for %j', (headers, expected) => {
    expect(asked(headers)).toEqual({ ...asUsual, ...expected })
    expect(readControls(headers).tells).toEqual(['portkey'])
  })
})

describe("Helicone's headers", () => {
  it.each<[IncomingHttpHeaders, Partial<Controls>]>([
    [{ 'helicone-cache-enabled': 'false' }, { mode: { noStore: true } }],
    [{ 'helicone-cache-enabled': 'true' }, {}],
    [{ 'helicone-cache-enabled': 'true', 'helicone-cache-control': 'max-age=60' }, { ttlMs: 60_000 }],
    [{ 'helicone-cache-seed': '1' }, { scope: 'helicone:1' }],
    [{ 'helicone-cache-bucket-max-size': '1' }, {}],
    [{ 'helicone-cache-bucket-max-size': '20' }, {}],
    [{ 'helicone-cache-ignore-keys': 'messages,model' }, {}],
    [{ 'helicone-auth': 'Bearer hk' }, {}]
  ])('%j ask for %j', (headers, expected) => {
    expect(asked(headers)).toEqual({ ...asUsual, ...expected })
    expect(readControls(headers).tells).toEqual(['helicone'])
  })

  it.each([
    ['max-age=60', 60_000],
    ['public, max-age = 60', 60_000],
    ['s-maxage=30, max-age=60', 30_000],
    ['max-age=x', undefined],
    ['no-transform', undefined]
  ])('make %s the time to live where the cache is asked for, and only there', (control, ttlMs) => {
    const headers = { 'cache-control': control, 'helicone-auth': 'hk' }
    expect(asked({ ...headers, 'helicone-cache-enabled': 'true' }).ttlMs).toBe(ttlMs)
    expect(asked(headers).ttlMs).toBeUndefined()
  })
})

describe("Cloudflare's headers", () => {
  it.each<[IncomingHttpHeaders, Partial<Controls>]>([
    [{ 'cf-aig-skip-cache': 'true' }, { mode: { noStore: true } }],
    [{ 'cf-skip-cache': 'true' }, { mode: { noStore: true } }],
    [{ 'cf-aig-skip-cache': 'false' }, {}],
    [{ 'cf-aig-cache-ttl': '3600' }, { ttlMs: 3_600_000 }],
    [{ 'cf-cache-ttl': '60' }, { ttlMs: 60_000 }],
    [{ 'cf-aig-cache-ttl': '3600', 'cf-cache-ttl': '60' }, { ttlMs: 60_000 }],
    [{ 'cf-aig-cache-ttl': 'x' }, {}],
    [{ 'cf-aig-cache-key': 'responseA' }, { scope: 'cf-aig:responseA' }],
    [{ 'cf-aig-metadata': '{}', 'cf-aig-authorization': 'Bearer x' }, {}]
  ])('%j ask for %j', (headers, expected) => {
    expect(asked(headers)).toEqual({ ...asUsual, ...expected })
    expect(readControls(headers).tells).toEqual(['cloudflare'])
  })
})

describe("LiteLLM's field of the body", () => {
  it.each<[JsonObject, Partial<Controls>]>([
    [{}, {}],
    [{ ttl: 300 }, { ttlMs: 300_000 }],
    [{ ttl: '300' }, { ttlMs: 300_000 }],
    [{ ttl: null }, {}],
    [{ 's-maxage': 60 }, { mode: { maxAgeMs: 60_000 } }],
    [{ 's-max-age': 60 }, { mode: { maxAgeMs: 60_000 } }],
    [{ 'no-cache': true }, { mode: { noCache: true } }],
    [{ 'no-store': true }, { mode: { noStore: true } }],
    [{ 'use-cache': true }, {}],
    [{ 'use-cache': false }, { mode: { noStore: true } }],
    [{ namespace: 'team' }, { scope: 'litellm:team' }],
    [{ 'no-cache': 0, namespace: {}, ttl: [], other: 1 }, {}]
  ])('%j asks for %j', (cache, expected) => {
    const { tells, ...controls } = withBodyControls(readControls({}), cache)
    expect(controls).toEqual({ ...asUsual, ...expected })
    expect(tells).toEqual(['litellm'])
  })

  it('asks for nothing where it is not there', () => {
    const controls = readControls({ 'x-reprise-ttl': '60' })
    expect(withBodyControls(controls, undefined)).toBe(controls)
  })
})

describe('several who say something', () => {
  it('are all followed: the more careful of two goes, and scopes add up', () => {
    const headers = {
      'cache-control': 'no-cache, max-age=10',
      'x-reprise-ttl': '2h',
      'x-reprise-scope': 'eu',
      'x-reprise-tags': 'a',
      'cf-aig-cache-ttl': '3600',
      'cf-aig-skip-cache': 'true',
      'x-portkey-cache-namespace': 'user',
      'x-portkey-config': '{"cache":{"mode":"simple","max_age":7200}}'
    }
    expect(withBodyControls(readControls(headers), { 's-maxage': 60, ttl: 4000, namespace: 'n' })).toEqual({
      mode: { noCache: true, noStore: true, exactOnly: true, maxAgeMs: 10_000 },
      ttlMs: 3_600_000,
      scope: '["[\\"eu\\",\\"portkey:user\\"]","litellm:n"]',
      tags: ['a'],
      tells: ['portkey', 'cloudflare', 'litellm']
    })
  })

  it('leave each alone what it was: a scope of our own is the same with and without other words', () => {
    expect(readControls({ 'x-reprise-scope': 'eu', 'x-portkey-api-key': 'pk' }).scope).toBe('eu')
  })

  it('never ask for less care, and never for the scope of somebody else, whatever they say', () => {
    const names = [
      'x-portkey-cache',
      'x-portkey-cache-force-refresh',
      'x-portkey-cache-namespace',
      'x-portkey-config',
      'x-portkey-debug',
      'helicone-cache-enabled',
      'helicone-cache-seed',
      'helicone-cache-bucket-max-size',
      'helicone-cache-ignore-keys',
      'cf-aig-cache-ttl',
      'cf-aig-skip-cache',
      'cf-aig-cache-key'
    ]
    const value = fc.oneof(
      fc.string({ maxLength: 10 }),
      fc.constantFrom('true', 'false', '0', '60', '999999999', '{"cache":{"mode":"semantic","max_age":99999}}', '[]')
    )
    const ours = fc.constantFrom<IncomingHttpHeaders>(
      {},
      { 'cache-control': 'no-store' },
      { 'cache-control': 'no-cache, max-age=5' },
      { 'x-reprise-ttl': '30', 'x-reprise-scope': 'eu' }
    )
    fc.assert(
      fc.property(ours, fc.dictionary(fc.constantFrom(...names), value), (own, theirs) => {
        const before = readControls(own)
        const after = readControls({ ...own, ...theirs })
        expect(after.mode).toMatchObject(before.mode)
        expect(after.ttlMs ?? 0).toBeLessThanOrEqual(before.ttlMs ?? Number.POSITIVE_INFINITY)
        expect(after.tags).toEqual(before.tags)
        expect(after.mode.maxStaleMs).toBeUndefined()
        if (before.scope !== undefined) expect(after.scope).toContain(before.scope)
      })
    )
  })
})

describe('a request that speaks nobody else', () => {
  it.each<IncomingHttpHeaders>([
    {},
    { host: 'h', 'content-type': 'application/json', 'x-api-key': 'k', 'x-stainless-lang': 'js' },
    { 'cf-ray': '1', 'cf-connecting-ip': '127.0.0.1', 'x-forwarded-for': '127.0.0.1', heliconer: '1', 'x-p': '1' }
  ])('asks for nothing: %j', (headers) => {
    expect(wishesOf(headers)).toBeUndefined()
    expect(readControls(headers)).toBe(readControls({}))
  })
})

describe('a config', () => {
  it.each([
    ['{"cache":{"mode":"simple"}}', undefined],
    ['{"cache":{},"provider":"openai","api_key":"sk"}', '{"provider":"openai","api_key":"sk"}'],
    ['{"provider":"openai"}', '{"provider":"openai"}'],
    ['pc-cache-xxx', 'pc-cache-xxx'],
    ['{"cache":', '{"cache":']
  ])('without what is asked of the cache is %s', (whole, rest) => {
    expect(configWithoutCache(whole)).toBe(rest)
  })
})
