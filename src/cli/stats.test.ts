import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AdminServer, adminServer } from '../../test/support/admin-server.ts'
import type { JsonObject } from '../core/json.ts'
import { stats } from './stats.ts'

const layer = {
  cache_layer: 'llm',
  hit_rate: 0.65,
  total_hits: 650,
  total_misses: 350,
  total_writes: 350,
  total_invalidations: 12,
  total_errors: 0,
  total_lookups: 1000,
  total_bypasses: 0,
  saved_usd: 12.345,
  saved_seconds: 3725
}
const idle = Object.fromEntries(
  Object.entries(layer).map(([name, value]) => [name, typeof value === 'number' ? 0 : value])
)
const report: JsonObject = {
  llm_cache: layer,
  rag_cache: { ...idle, cache_layer: 'rag' },
  combined_hit_rate: 0.62,
  semantic_hit_rate: 0,
  scope: 'process',
  processes: 1,
  since: '2026-01-02T03:04:05.678Z',
  requests: { total: 1010, hits: 650, misses: 350, joined: 7, rescued: 1, bypassed: 2, failed: 0 },
  saved: { usd: 12.345, seconds: 3725, tokens: 1_234_567 },
  spent: { usd: 0.01234, unpriced_calls: 3 },
  batches: { calls: 4, requests: 17 },
  latency: {
    hit: { count: 650, mean_ms: 1.234, p50_ms: 1, p95_ms: 2.5, p99_ms: 12.3 },
    miss: { count: 0, mean_ms: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0 }
  },
  by_model: [
    { model: 'gpt-4o', requests: 900, hits: 600, hit_rate: 0.6667, cost_usd: 1.5, saved_usd: 3, saved_seconds: 59.94 }
  ],
  providers: [{ provider: 'openai', ok: 349, failed: 1, mean_ms: 812.4, p50_ms: 700, p95_ms: 65_000 }],
  targets: [
    { target: 'openai/gpt-4o', retried: 2, skipped: { 'left-out': 4 }, fell_back: 1, cost_usd: 1.5, unpriced: 0 }
  ],
  failures: { store: { get: 5 } },
  refreshes: { ok: 0, failed: 0 }
}
const confidential: JsonObject = {
  ...report,
  by_tag: [{ tag: 'team:a\u001b[2J\nteam:b', requests: 1, hits: 0, hit_rate: 0 }],
  top_entries: [
    { key: 'llm:gpt-4o:abc', hits: 41, saved_usd: 0.5, saved_seconds: 90, last_hit: '2026-01-02T05:00:00.000Z' }
  ],
  near_misses: [
    { similarity: 0.98765, by: 'numbers', reason: '12 is not 13', text: 'version 12?', entry_text: 'version 13?' }
  ]
}

let server: AdminServer

beforeEach(async () => {
  server = await adminServer({ report: confidential })
})
afterEach(() => server.close())

interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

async function run(flags: readonly string[], terminal: Terminal = {}): Promise<string> {
  let output = ''
  await stats([...flags, '--url', server.url], {
    environment: { REPRISE_ADMIN_TOKEN: 'secret' },
    output: { write: (text) => (output += text), ...terminal }
  })
  return output
}

/** Watches until it has been asked so often; then nobody waits any more. */
async function watch(times: number, flags: readonly string[], terminal: Terminal = {}) {
  const over = new AbortController()
  let output = ''
  let errors = ''
  await stats([...flags, '--watch', '--url', server.url], {
    environment: {},
    everyMs: 1,
    signal: over.signal,
    output: {
      write: (text) => {
        output += text
        if (server.asked.length >= times) over.abort()
      },
      ...terminal
    },
    errors: {
      write: (text) => {
        errors += text
      }
    }
  })
  return { output, errors }
}

describe('reprise stats', () => {
  it('sets all that was counted in tables', async () => {
    const output = await run([])
    expect(server.asked).toEqual([
      { method: 'GET', path: '/metrics/cache/statistics', body: undefined, token: 'secret' }
    ])
    expect(output.replace(server.url, 'URL')).toBe(`URL, this process, since 2026-01-02 03:04 UTC

requests  1,010: 650 hits (64.4 %), 350 misses, 7 joined, 1 rescued, 2 bypassed
saved     $12.35, 1 h 2 min of waiting, 1,234,567 tokens
spent     $0.0123, and 3 calls whose price is not known
together  17 requests in 4 calls
hits      1.23 ms on average, half within 1.00 ms, 95 % within 2.50 ms, 99 % within 12 ms

layers
  layer     hit rate  lookups  hits  misses  bypasses  written  invalidated  errors   saved  time saved
  llm         65.0 %    1,000   650     350         0      350           12       0  $12.35   1 h 2 min
  combined    62.0 %

models
  model   requests  hits  hit rate   cost  saved  time saved  tokens in  tokens out  tokens saved
  gpt-4o       900   600    66.7 %  $1.50  $3.00      59.9 s  -          -           -

tags
  tag                requests  hits  hit rate  cost  saved  time saved  tokens in  tokens out  tokens saved
  team:a [2J team:b         1     0     0.0 %  -     -      -           -          -           -

providers
  provider  answered  failed  on average  half within  95 % within
  openai         349       1      812 ms       700 ms    1 min 5 s

targets
  target         asked again  next one asked   cost  price unknown  passed over
  openai/gpt-4o            2               1  $1.50              0  left-out 4

what failed
  part   operation  times
  store  get            5

entries that answered most
  hits    saved  time saved                  last  key
    41  $0.5000  1 min 30 s  2026-01-02 05:00 UTC  llm:gpt-4o:abc

near misses, latest first
  0.9877  refused by numbers: 12 is not 13
          asked     "version 12?"
          answered  "version 13?"
`)
  })

  it('leaves out what the gateway does not tell', async () => {
    server.instead.push({ status: 200, body: JSON.stringify(report) }, { status: 200, body: '{}' })
    const output = await run([])
    for (const title of ['tags', 'entries that', 'near misses']) expect(output).not.toContain(title)
    expect(await run([])).toMatch(
      /this process\n\nrequests {2}-: 0 hits, 0 misses\nsaved {5}-, - of waiting, 0 tokens\n/
    )
  })

  it('asks for all processes together', async () => {
    server.instead.push({ status: 200, body: JSON.stringify({ ...report, scope: 'fleet', processes: 3 }) })
    expect(await run(['--fleet'])).toContain(', 3 processes together, since')
    expect(server.asked).toMatchObject([{ path: '/metrics/cache/statistics?scope=fleet' }])
  })

  it('shows the first ten of many, and keys whole where nobody is to see them at once', async () => {
    const [entry] = confidential['top_entries'] as JsonObject[]
    const many = Array.from({ length: 1012 }, (_, index) => ({ ...entry, key: `llm:gpt-4o:${'f'.repeat(64)}${index}` }))
    server.instead.push({ status: 200, body: JSON.stringify({ ...report, top_entries: many }) })
    const output = await run([])
    expect(output.match(/llm:gpt-4o:f{64}\d$/gm)).toHaveLength(10)
    expect(output).toMatch(/f{64}9\n {2}and 1,002 more: --json has them all\n$/)
  })

  it('is no wider than the terminal', async () => {
    const lines = (await run([], { columns: 60 })).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBe(60)
    expect(lines.find((line) => line.startsWith('  llm'))).toMatch(/\.\.\.$/)
  })

  it('prints the report itself', async () => {
    const output = await run(['--json'])
    expect(JSON.parse(output)).toEqual(confidential)
    expect(output.split('\n').length).toBeGreaterThan(10)
  })

  it('prints a line of JSON each time it is watched', async () => {
    const { output } = await watch(3, ['--json'])
    const lines = output.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines.map((line) => JSON.parse(line))).toEqual([confidential, confidential, confidential])
  })

  it('draws over what it has drawn before, within the terminal', async () => {
    const { output } = await watch(2, [], { isTTY: true, columns: 40, rows: 5 })
    const [, ...frames] = output.split('\u001b[H')
    expect(output.startsWith('\u001b[2J\u001b[H')).toBe(true)
    expect(frames).toHaveLength(2)
    for (const frame of frames) {
      expect(frame.endsWith('\u001b[J')).toBe(true)
      const lines = frame.replace('\u001b[J', '').trimEnd().split('\n')
      expect(lines).toHaveLength(4)
      for (const line of lines) expect(line.replace('\u001b[K', '').length).toBeLessThanOrEqual(40)
    }
  })

  it('goes on watching when the gateway is away for a while', async () => {
    const full = { status: 200, body: JSON.stringify(report) }
    const away = { status: 503, body: '{"error": {"code": "store-unavailable", "message": "starting"}}' }
    server.instead.push(full, away, full)
    const { output, errors } = await watch(3, ['--json'])
    expect(output.trimEnd().split('\n')).toHaveLength(2)
    expect(errors).toBe(`reprise: the gateway at ${server.url} answers 503: starting\n`)
  })

  it('does not begin to watch what is not there', async () => {
    server.instead.push({ status: 503, body: '{"error": {"code": "store-unavailable", "message": "starting"}}' })
    await expect(watch(2, [])).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  it.each([
    [['--fleets'], "Unknown option '--fleets'"],
    [['llm'], "Unexpected argument 'llm'"],
    [['--fleet=yes'], "Option '--fleet' does not take an argument"]
  ])('says what was expected and got with %j', async (flags, message) => {
    await expect(run(flags)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
    expect(server.asked).toEqual([])
  })
})
