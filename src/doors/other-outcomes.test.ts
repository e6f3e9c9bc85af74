import type { OutgoingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Origin } from '../core/answer.ts'
import type { Mode } from '../core/mode.ts'
import type { OtherCache } from './other-caches.ts'
import { sinkFor, withOtherOutcomes } from './other-outcomes.ts'
import { responseHeaders } from './outcome.ts'
import type { Sink } from './respond.ts'

const every: readonly OtherCache[] = ['portkey', 'helicone', 'cloudflare', 'litellm']

/** What the four say beside what the gateway says. */
function told(origin: Origin, mode: Mode = {}): OutgoingHttpHeaders {
  const own = responseHeaders(origin, { type: 'application/json', length: 2 })
  const all = withOtherOutcomes({ ...own }, { mode, tags: [], tells: every })
  return Object.fromEntries(Object.entries(all).filter(([name]) => !(name in own)))
}

describe("an outcome in other caches' words", () => {
  it.each<[string, Origin, Mode, OutgoingHttpHeaders]>([
    [
      'a hit',
      { layer: 'exact', key: 'k' },
      {},
      {
        'x-portkey-cache-status': 'HIT',
        'helicone-cache': 'HIT',
        'cf-aig-cache-status': 'HIT',
        'x-litellm-cache-key': 'k'
      }
    ],
    [
      'a hit by meaning',
      { layer: 'semantic', key: 'k', similarity: 0.98765 },
      {},
      {
        'x-portkey-cache-status': 'SEMANTIC HIT',
        'helicone-cache': 'HIT',
        'cf-aig-cache-status': 'HIT',
        'x-litellm-cache-key': 'k',
        'x-litellm-semantic-similarity': '0.9877'
      }
    ],
    [
      'a miss',
      { layer: 'provider', key: 'k', stored: true },
      {},
      { 'x-portkey-cache-status': 'MISS', 'helicone-cache': 'MISS', 'cf-aig-cache-status': 'MISS' }
    ],
    [
      'a refresh',
      { layer: 'provider', key: 'k', stored: true },
      { noCache: true },
      { 'x-portkey-cache-status': 'REFRESH', 'helicone-cache': 'MISS', 'cf-aig-cache-status': 'MISS' }
    ],
    [
      'a bypass',
      { layer: 'provider', bypass: 'no-store' },
      { noStore: true, noCache: true },
      { 'x-portkey-cache-status': 'DISABLED', 'helicone-cache': 'MISS', 'cf-aig-cache-status': 'MISS' }
    ],
    [
      'another caller’s call that was shared',
      { layer: 'provider', joined: true },
      {},
      { 'x-portkey-cache-status': 'MISS', 'helicone-cache': 'MISS', 'cf-aig-cache-status': 'MISS' }
    ]
  ])('tells of %s', (_, origin, mode, expected) => {
    expect(told(origin, mode)).toEqual(expected)
  })

  it('is told in the words that were spoken, and in no other', () => {
    const own = responseHeaders({ layer: 'exact', key: 'k' }, { type: 'application/json' })
    const all = withOtherOutcomes({ ...own }, { mode: {}, tags: [], tells: ['helicone'] })
    expect(all).toEqual({ ...own, 'helicone-cache': 'HIT' })
  })

  it('goes before what a provider that is such a cache itself has said', () => {
    const headers = { 'x-portkey-cache-status': 'HIT', 'content-type': 'application/json' }
    const origin: Origin = { layer: 'provider', headers }
    const own = responseHeaders(origin, { type: 'application/json' })
    const all = withOtherOutcomes(own, { mode: {}, tags: [], tells: ['portkey'] })
    expect(all['x-portkey-cache-status']).toBe('MISS')
  })
})

describe('a sink', () => {
  function sink(): Sink & { readonly calls: unknown[][] } {
    const calls: unknown[][] = []
    const noting =
      (name: string) =>
      (...given: unknown[]): void =>
        void calls.push([name, ...given])
    return { calls, writeHead: noting('head'), write: noting('write'), end: noting('end'), destroy: noting('destroy') }
  }

  it('is the same for those who speak no other words', () => {
    const own = sink()
    expect(sinkFor(own, { mode: {}, tags: [] })).toBe(own)
  })

  it('passes all on, and adds to the headers', () => {
    const own = sink()
    const telling = sinkFor(own, { mode: {}, tags: [], tells: ['cloudflare'] })
    telling.writeHead(200, { 'x-reprise-layer': 'exact' })
    telling.write('a')
    telling.end('b')
    telling.end()
    telling.destroy()
    expect(own.calls).toEqual([
      ['head', 200, { 'x-reprise-layer': 'exact', 'cf-aig-cache-status': 'HIT' }],
      ['write', 'a'],
      ['end', 'b'],
      ['end'],
      ['destroy']
    ])
  })

  it('has nothing to add to an error', () => {
    const own = sink()
    sinkFor(own, { mode: {}, tags: [], tells: every }).writeHead(502, { 'content-length': 1 })
    expect(own.calls).toEqual([['head', 502, { 'content-length': 1 }]])
  })
})
