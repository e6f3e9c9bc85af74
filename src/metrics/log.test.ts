import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { type ErrorCode, errorTable, ProviderError, RepriseError } from '../core/errors.ts'
import type { Answered, Event } from '../core/events.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { createLog, type LogOptions } from './log.ts'

type Line = Readonly<Record<string, unknown>>

/** What is logged of events. */
function linesOf(events: readonly Event[], options: LogOptions = {}): readonly Line[] {
  const lines: string[] = []
  const log = createLog({ ...options, stream: { write: (line) => void lines.push(line) } })
  for (const event of events) log(event)
  expect(lines.every((line) => line.endsWith('\n') && !line.slice(0, -1).includes('\n'))).toBe(true)
  return lines.map((line) => JSON.parse(line) as Line)
}

const answered: Answered = {
  type: 'answered',
  kind: 'llm',
  model: 'gpt-4o',
  outcome: 'hit',
  layer: 'semantic',
  tookMs: 1.23456,
  tags: ['team:a'],
  tenant: 'team-a',
  origin: {
    layer: 'semantic',
    key: 'llm:gpt-4o:0123',
    similarity: 0.97,
    ageMs: 5000,
    stale: true,
    savedUsd: 0.0021,
    provider: 'openai',
    usage: { inputTokens: 10, outputTokens: 20 }
  },
  text: 'what is the moon made of'
}

function failedWith(error: unknown): Event {
  return { ...answered, outcome: 'failed', layer: undefined, origin: undefined, error }
}

describe('a log', () => {
  it('has a line for each request that is answered', () => {
    const [line] = linesOf([answered])
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      event: 'answered',
      kind: 'llm',
      model: 'gpt-4o',
      outcome: 'hit',
      layer: 'semantic',
      key: 'llm:gpt-4o:0123',
      tookMs: 1.235,
      savedUsd: 0.0021,
      tenant: 'team-a',
      tags: ['team:a'],
      provider: 'openai',
      similarity: 0.97,
      ageMs: 5000,
      stale: true,
      inputTokens: 10,
      outputTokens: 20
    })
  })

  it('warns of those that have failed, with codes and statuses', () => {
    const refused = new ProviderError('openai', 503, {}, Buffer.from('no: what is the moon made of'))
    const unreachable = new RepriseError('provider-unreachable', 'x', {
      cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' })
    })
    const details = { budget: 'team', limitUsd: 1, spentUsd: 1, reservedUsd: 0, estimateUsd: 1, resetsAtMs: undefined }
    const failures = [
      { target: 'openai/gpt-4o', reason: 'answered 503: the moon', status: 503, cause: refused },
      { target: 'anthropic/claude', reason: 'the moon', cause: unreachable }
    ]
    const lines = linesOf([
      failedWith(refused),
      failedWith(unreachable),
      failedWith(new AllProvidersFailedError('gpt-4o', failures)),
      failedWith(new OverBudgetError(details)),
      failedWith(new TypeError('the moon')),
      failedWith('the moon')
    ])
    expect(lines.map(({ level, error }) => ({ level, error }))).toEqual(
      [
        { code: 'provider', provider: 'openai', status: 503 },
        { code: 'provider-unreachable', status: 502, cause: 'ECONNREFUSED' },
        {
          code: 'all-providers-failed',
          status: 502,
          failures: [
            { target: 'openai/gpt-4o', status: 503, cause: 'provider-503' },
            { target: 'anthropic/claude', cause: 'provider-unreachable' }
          ]
        },
        { code: 'over-budget', status: 429, budget: 'team' },
        { code: 'unknown' },
        { code: 'unknown' }
      ].map((error) => ({ level: 'warn', error }))
    )
  })

  it('says what operators must know, and what is frequent only when it is asked for', () => {
    const error = new RepriseError('store-timeout', 'x')
    const refuted = { layer: 'semantic', kind: 'llm', key: 'k', similarity: 0.9, by: 'numbers', reason: '1', text: 'a' }
    const events: readonly Event[] = [
      { type: 'opened', part: 'store', error },
      { type: 'closed', part: 'store' },
      { type: 'failed', part: 'store', operation: 'get', error: new Error('OOM command not allowed: SET moon') },
      { type: 'fell-back', from: 'openai/a', to: 'anthropic/b', reason: 'answered 429: slow down, moon' },
      { type: 'skipped', target: 'openai/a', reason: 'over-budget', detail: 'moon' },
      { type: 'skipped', target: 'openai/a', reason: 'left-out', detail: 'moon' },
      { type: 'switched', layer: 'semantic', on: false },
      { type: 'invalidated', count: 3, byKind: { llm: 3 } },
      { type: 'rescued', layer: 'exact', kind: 'llm', key: 'k' },
      { type: 'refuted', ...refuted },
      { type: 'stored', layer: 'exact', kind: 'llm', key: 'k', bytes: 10 },
      { type: 'batched', layer: 'batch', kind: 'llm', size: 5, alone: 2, reasons: ['missing', 'The moon', 'A secret'] },
      { type: 'retried', target: 'openai/a', waitMs: 12.34567, reason: 'the stream began with an error: moon' },
      { type: 'refreshed', kind: 'llm', key: 'k', ok: false },
      { type: 'hit', layer: 'exact', kind: 'llm', key: 'k', stale: false, tookMs: 1 },
      { type: 'looked-up', layer: 'exact', kind: 'llm' }
    ]
    const said = linesOf(events).map(({ time, ...line }) => line)
    expect(said).toEqual([
      { level: 'warn', event: 'opened', part: 'store', error: { code: 'store-timeout', status: 503 } },
      { level: 'info', event: 'closed', part: 'store' },
      { level: 'warn', event: 'failed', part: 'store', operation: 'get', error: { code: 'OOM' } },
      { level: 'warn', event: 'fell-back', from: 'openai/a', to: 'anthropic/b', status: 429 },
      { level: 'info', event: 'skipped', target: 'openai/a', reason: 'over-budget' },
      { level: 'info', event: 'switched', layer: 'semantic', on: false },
      { level: 'info', event: 'invalidated', count: 3, byKind: { llm: 3 } },
      { level: 'warn', event: 'rescued', layer: 'exact', kind: 'llm', key: 'k' },
      { level: 'warn', event: 'refreshed', kind: 'llm', key: 'k', ok: false }
    ])
    const frequent = linesOf(events, { level: 'debug' }).filter(({ level }) => level === 'debug')
    expect(frequent.map(({ event }) => event)).toEqual(['skipped', 'refuted', 'stored', 'batched', 'retried'])
    expect(frequent[3]).toMatchObject({ layer: 'batch', kind: 'llm', size: 5, alone: 2, reasons: ['missing', 'other'] })
    expect(frequent[4]).toMatchObject({ waitMs: 12.346, reason: 'error-in-stream' })
    expect(linesOf(events, { level: 'error' })).toEqual([])
  })

  it('has the words of callers when it is told to, and those of providers never', () => {
    const refuted: Event = {
      type: 'refuted',
      layer: 'semantic',
      kind: 'llm',
      key: 'k',
      similarity: 0.9,
      by: 'numbers',
      reason: '1 and 2',
      text: 'one',
      entryText: 'two'
    }
    const lines = linesOf([answered, refuted, failedWith(new Error('secret'))], { texts: true, level: 'debug' })
    expect(lines[0]).toMatchObject({ text: 'what is the moon made of' })
    expect(lines[1]).toMatchObject({ reason: '1 and 2', text: 'one', entryText: 'two' })
    expect(JSON.stringify(lines[2])).not.toContain('secret')
  })

  it('cuts the names that callers choose, and takes only so many tags', () => {
    const [line] = linesOf([
      { ...answered, model: 'm'.repeat(1e6), tags: Array.from({ length: 1000 }, () => 't'.repeat(10_000)) }
    ])
    expect(JSON.stringify(line).length).toBeLessThan(12_000)
  })

  it('never has a word of a prompt, an answer or an error, wherever it may stand', () => {
    const marker = 'S3CR3T marker'
    const secret = fc.constantFrom(
      marker,
      `answered 503: ${marker}`,
      `the stream began with an error: ${marker}`,
      `OOM ${marker}`,
      `over budget: ${marker}`,
      `ECONNREFUSED ${marker}`
    )
    const code = fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[]))
    const { error } = fc.letrec<{ error: unknown }>((tie) => ({
      error: fc.oneof(
        { depthSize: 'small' },
        secret.map((message) => Object.assign(new Error(message), { code: message, status: message, name: message })),
        secret,
        fc.constant({ message: marker }),
        fc
          .record({ code, message: secret, cause: tie('error') })
          .map((each) => new RepriseError(each.code, each.message, { cause: each.cause, field: marker })),
        secret.map((body) => new ProviderError('openai', 500, { authorization: body }, Buffer.from(body))),
        fc
          .record({ reason: secret, cause: tie('error') })
          .map((failure) => new AllProvidersFailedError(marker, [{ target: 'openai/a', ...failure }]))
      )
    }))
    const asError = error.map((each) => (each instanceof Error ? each : new Error(String(each))))
    const layer = fc.constantFrom('exact', 'semantic')
    const [kind, key] = [fc.constant('llm'), fc.constant('llm:m:1')]
    const ok = fc.boolean()
    const event: fc.Arbitrary<Event> = fc.oneof(
      fc.record({ error, text: secret, outcome: fc.constantFrom('failed' as const, 'hit' as const) }).map((each) => ({
        ...answered,
        ...each,
        origin: { layer: 'exact', headers: { 'x-said': marker }, bypass: marker }
      })),
      fc.record({
        type: fc.constant('refuted' as const),
        layer,
        kind,
        key,
        similarity: fc.double(),
        by: fc.constant('numbers'),
        reason: secret,
        text: secret,
        entryText: secret
      }),
      fc.record({ type: fc.constant('failed' as const), part: layer, operation: kind, error: asError, kind }),
      fc.record({ type: fc.constantFrom('opened' as const, 'closed' as const), part: layer, error: asError }),
      fc.record({ type: fc.constant('fell-back' as const), from: kind, to: kind, reason: secret }),
      fc.record({ type: fc.constant('retried' as const), target: kind, waitMs: fc.double(), reason: secret }),
      fc.record({ type: fc.constant('refused' as const), layer, kind, key, reason: secret }),
      fc.record({ type: fc.constant('bypass' as const), layer, kind, reason: secret }),
      fc.record({ type: fc.constant('refreshed' as const), kind, key, ok }),
      fc.record({
        type: fc.constant('skipped' as const),
        target: kind,
        reason: fc.constantFrom('unsuitable' as const, 'left-out' as const, 'over-budget' as const),
        detail: secret
      })
    )
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 20 }), (events) => {
        expect(JSON.stringify(linesOf(events, { level: 'debug' }))).not.toContain('S3CR3T')
      }),
      { numRuns: 500 }
    )
  })
})

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

const folder = temporaryFolder()
afterAll(() => folder.remove())

/** Runs a process whose standard output is a pipe, as a shell makes it, or a socket, as a supervisor may. */
async function run(
  what: 'exit' | 'end' | 'burst',
  kind: 'pipe' | 'socket',
  reader: 'reads' | 'closes' | 'sleeps'
): Promise<Ended> {
  const worker = join(import.meta.dirname, '../../test/support/log-worker.ts')
  const path = join(folder.path, `${what}-${kind}-${reader}`)
  const ends = kind === 'pipe' ? makePipe(path) : undefined
  const child = spawn(process.execPath, ['--import', 'tsx', worker, what], {
    stdio: ['pipe', ends?.writes ?? 'pipe', 'pipe']
  })
  if (ends !== undefined) closeSync(ends.writes)
  const stdout = ends === undefined ? child.stdout : new Socket({ fd: ends.reads })
  const heard = { output: '', errors: '' }
  const exited = once(child, 'exit')
  const isOver = reader === 'closes' ? undefined : once(stdout as Socket, 'end')
  child.stderr?.on('data', (data) => {
    heard.errors += data
  })
  const listen = (): void =>
    void stdout?.on('data', (data) => {
      heard.output += data
    })
  if (reader === 'reads') listen()
  if (reader === 'closes') stdout?.destroy()
  child.stdin?.end('go\n')
  const [code] = (await exited) as [number | null]
  if (reader === 'sleeps') listen()
  await isOver
  return { code, ...heard }
}

function makePipe(path: string): { reads: number; writes: number } {
  execFileSync('mkfifo', [path])
  const reads = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reads, writes: openSync(path, constants.O_WRONLY) }
}

function parsed({ output }: Ended): readonly Line[] {
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

describe.each(['pipe', 'socket'] as const)('a standard output that is a %s', (kind) => {
  it.each(['exit', 'end'] as const)('has every line when the process has ended (%s)', async (what) => {
    const ended = await run(what, kind, 'reads')
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: '' })
    expect(parsed(ended).map(({ tookMs }) => tookMs)).toEqual(Array.from({ length: 5000 }, (_, count) => count))
  })

  it.each(['exit', 'end', 'burst'] as const)('may be closed: the process goes on without it (%s)', async (what) => {
    expect(await run(what, kind, 'closes')).toMatchObject({ code: 0, errors: '' })
  })

  it('loses lines that nobody reads in time rather than keep them all, and says how many', async () => {
    const ended = await run('burst', kind, 'reads')
    expect(ended.code).toBe(0)
    const lines = parsed(ended)
    const lost = lines.filter(({ event }) => event === 'lines-lost')
    expect(lost).not.toEqual([])
    expect(lost.reduce((sum, { count }) => sum + Number(count), lines.length - lost.length)).toBe(200_000)
  })
})

describe('a pipe that nobody reads', () => {
  it('does not keep the process from ending, and has whole lines to the last', async () => {
    const ended = await run('exit', 'pipe', 'sleeps')
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: '' })
    expect(parsed(ended).length).toBeGreaterThan(10)
  })
})
