import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { answerText } from '../../dashboard/src/answer-text.ts'
import { bytes, dollars, millis, relative, span } from '../../dashboard/src/format.ts'
import { type Connection, Poller } from '../../dashboard/src/poller.ts'
import { providerRows } from '../../dashboard/src/provider-rows.ts'
import { seriesOf, stacked, trendOf } from '../../dashboard/src/series.ts'
import { wordDiff } from '../../dashboard/src/word-diff.ts'
import { history, point, statistics } from './mock-data.ts'
import { providers } from './mock-records.ts'

describe('what differs between two texts', () => {
  const marked = (a: string, b: string) =>
    wordDiff(a, b).map((runs) => runs.filter(({ differs }) => differs).map(({ text }) => text))

  it('is the words that the other has not', () => {
    expect(marked('Returns within 30 days?', 'Returns within 90 days?')).toEqual([['30'], ['90']])
    expect(marked('Which are not covered', 'Which are covered')).toEqual([['not'], []])
    expect(marked('Costs 1,200.50 EUR', 'costs 1,200.51 eur')).toEqual([['1,200.50'], ['1,200.51']])
    expect(marked('the old red house', 'the new blue house')).toEqual([['old red'], ['new blue']])
  })

  it('keeps both texts whole but for the blanks they begin with', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        (a, b) => {
          const [left, right] = wordDiff(a, b).map((runs) => runs.map(({ text }) => text).join(''))
          expect([left, right]).toEqual([a.trimStart(), b.trimStart()])
        }
      )
    )
  })

  it('marks nothing in equal texts', () => {
    fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => void expect(marked(text, text)).toEqual([[], []])))
  })

  it('is not looked for in texts of thousands of words', () => {
    const long = 'word '.repeat(5000)
    expect(wordDiff(`${long}one`, `${long}two`)).toEqual([
      [{ text: `${long}one`, differs: false }],
      [{ text: `${long}two`, differs: false }]
    ])
  })
})

describe('figures', () => {
  it('are said in the unit that people would choose', () => {
    expect([0, 0.00012, 0.0042, 12.3, 12_345.6].map(dollars)).toEqual([
      '$0.00',
      '$0.000120',
      '$0.0042',
      '$12.30',
      '$12,346'
    ])
    expect([0.42, 3.14, 12.4, 1240, 65_000].map(millis)).toEqual(['0.42 ms', '3.1 ms', '12 ms', '1.24 s', '1 min 5 s'])
    expect([4.26, 59.6, 3600, 5000, 90_000].map(span)).toEqual(['4.3 s', '1 min', '1 h', '1 h 23 min', '1 d 1 h'])
    expect([12, 12_400, 1_840_000_000].map(bytes)).toEqual(['12 B', '12.4 kB', '1.8 GB'])
    expect([relative(1000, 5000), relative(9000, 5000), relative(5000, 5000)]).toEqual(['4 s ago', 'in 4 s', 'now'])
  })

  it('that nobody knows are a dash', () => {
    expect([dollars(null), millis(undefined), bytes(Number.NaN), relative('never')]).toEqual(['–', '–', '–', '–'])
  })
})

describe('the history', () => {
  const nowMs = Date.UTC(2026, 2, 1, 12, 0, 7)

  it('is drawn in at most 121 steps, and loses no request of the range', () => {
    for (const range of ['hour', 'day'] as const) {
      const said = history(nowMs, range)
      const series = seriesOf(said, range, nowMs)
      const first = series.atMs[0] ?? 0
      const requests = said.points.filter(({ at }) => at >= first).reduce((sum, one) => sum + one.requests, 0)
      expect(series.atMs.length).toBeLessThanOrEqual(121)
      expect(series.whole.requests).toBe(requests)
      expect(series.requests.reduce((sum, one) => sum + one, 0)).toBe(requests)
    }
  })

  it('stacks shares up to the share of all requests that the cache has answered', () => {
    const series = seriesOf(history(nowMs, 'hour'), 'hour', nowMs)
    const top = stacked(series.shares).at(-1) ?? []
    for (const [step, height] of top.entries()) {
      const requests = series.requests[step] ?? 0
      if (requests === 0) expect(height).toBeNull()
      else expect(height).toBeCloseTo((series.hitRequests[step] ?? 0) / requests, 9)
    }
  })

  it('has gaps where nothing was asked, and no trend', () => {
    const series = seriesOf({ step_ms: 10_000, points: [point(nowMs - 7_000)] }, 'hour', nowMs)
    expect(series.hitMs.filter((value) => value !== null)).toHaveLength(1)
    expect(trendOf(series)).toBeUndefined()
    expect(seriesOf({ step_ms: 10_000, points: [] }, 'hour', nowMs).whole.requests).toBe(0)
  })

  it('begins with the first request of a young gateway, and is five minutes at least', () => {
    const firstMs = Math.floor(nowMs / 10_000) * 10_000 - 900_000
    const idle = { ...point(0), requests: 0, hit_requests: 0, hits: {} }
    const points = Array.from({ length: 360 }, (_, index) => {
      const at = firstMs + 900_000 - (359 - index) * 10_000
      return at < firstMs ? { ...idle, at } : point(at)
    })
    const series = seriesOf({ step_ms: 10_000, points }, 'hour', nowMs)
    expect([series.atMs[0], series.stepMs]).toEqual([firstMs, 10_000])
    expect(series.requests[0]).toBe(point(firstMs).requests)
    const younger = seriesOf({ step_ms: 10_000, points: points.slice(0, 272) }, 'hour', firstMs + 12_000)
    expect((younger.atMs.at(-1) ?? 0) - (younger.atMs[0] ?? 0)).toBeGreaterThanOrEqual(290_000)
  })

  it('has a trend when the last steps differ from those before', () => {
    const points = Array.from({ length: 360 }, (_, index) => {
      const at = Math.floor(nowMs / 10_000) * 10_000 - (359 - index) * 10_000
      return { ...point(at), requests: 10, hit_requests: index >= 297 ? 8 : 5 }
    })
    expect(trendOf(seriesOf({ step_ms: 10_000, points }, 'hour', nowMs))).toBeCloseTo(0.3, 1)
  })
})

describe('the lines of providers', () => {
  it('stand above their targets, and hold the calls; an only target shares its line', () => {
    const said = statistics({ nowMs: 0, scope: 'process', extra: 0, administrates: false })
    const rows = providerRows(said, providers(0))
    expect(rows.map(({ name, leads, ok, retried, state }) => [name, leads, ok, retried, state])).toEqual([
      ['openai', true, 21_460, 99, 'up'],
      ['openai/gpt-4o', false, undefined, 82, 'up'],
      ['openai/gpt-4o-mini', false, undefined, 17, 'up'],
      ['anthropic/claude-sonnet-5', true, 5_830, 12, 'up'],
      ['azure-eu/gpt-4o', true, 412, 39, 'left-out'],
      ['local/qwen3-32b', true, 1_246, 0, 'up']
    ])
  })

  it('are up when all are that can be left out', () => {
    const said = statistics({ nowMs: 0, scope: 'process', extra: 0, administrates: false })
    const stateOf = (targets: readonly { target: string; state: 'up' | 'left-out' }[]) =>
      providerRows(said, { targets, parts: [] }).find(({ name }) => name === 'openai')?.state
    expect(stateOf([{ target: 'openai/gpt-4o', state: 'up' }])).toBe('up')
    expect(stateOf([{ target: 'openai/gpt-4o', state: 'left-out' }])).toBeUndefined()
    expect(stateOf([])).toBeUndefined()
  })
})

describe('the text of an answer', () => {
  it('is found in the bodies of all dialects', () => {
    expect(answerText({ choices: [{ message: { content: 'chat' } }] })).toBe('chat')
    expect(answerText({ content: [{ type: 'text', text: 'messages' }] })).toBe('messages')
    expect(answerText({ output: [{ type: 'reasoning' }, { content: [{ text: 'responses' }] }] })).toBe('responses')
    expect(answerText('plain')).toBe('plain')
    expect(answerText({ data: [{ embedding: [1] }] })).toBeUndefined()
    expect(answerText({ choices: [{ message: { content: null } }] })).toBeUndefined()
  })
})

describe('asking again and again', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function watched(ask: () => Promise<void>) {
    const said: Connection[] = []
    const poller = new Poller({ ask, report: (connection) => said.push(connection), everyMs: 2000, longestMs: 30_000 })
    return { said, poller }
  }

  it('waits longer after each failure, up to the longest wait, and is brisk again after an answer', async () => {
    let asked = 0
    let broken = true
    const { said, poller } = watched(async () => {
      asked += 1
      if (broken) throw new Error('gone')
    })
    poller.now()
    const waits: number[] = []
    for (let turn = 0; turn < 7; turn += 1) {
      await vi.advanceTimersByTimeAsync(0)
      const last = said.at(-1)
      waits.push(last?.state === 'away' ? last.againAtMs - Date.now() : 0)
      await vi.advanceTimersToNextTimerAsync()
    }
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    broken = false
    await vi.advanceTimersToNextTimerAsync()
    expect(said.at(-1)).toEqual({ state: 'live' })
    asked = 0
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked).toBe(5)
    poller.stop()
  })

  it('asks one at a time, and once more when it was wanted meanwhile', async () => {
    const open: (() => void)[] = []
    const { poller } = watched(() => new Promise((resolve) => void open.push(resolve)))
    poller.now()
    poller.now()
    poller.now()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(open).toHaveLength(1)
    open[0]?.()
    await vi.advanceTimersByTimeAsync(1)
    expect(open).toHaveLength(2)
    poller.stop()
  })

  it('asks nothing while it is hidden or after it was stopped', async () => {
    let asked = 0
    const { said, poller } = watched(async () => {
      asked += 1
    })
    poller.now()
    poller.hide()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toBe(1)
    expect(said.at(-1)).toEqual({ state: 'paused' })
    poller.show()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toBe(2)
    poller.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toBe(2)
  })
})
