import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RepriseError } from '../core/errors.ts'
import { SpendingLimit } from '../jobs/spending-limit.ts'
import type { AskAtom } from './ask-atom.ts'
import type { AtomRequest, Plan } from './plan.ts'
import type { PlanEvent } from './plan-event.ts'
import { PlanResults } from './plan-results.ts'
import { readPlan } from './read-plan.ts'
import { WaveExecutor, type WaveExecutorOptions } from './wave-executor.ts'

/** Atoms that need each other as said, each asking for its name and for what it was told by those. */
function planOf(needs: Readonly<Record<string, readonly string[]>>, more: object = {}): Plan {
  const atoms = Object.entries(needs).map(([id, of]) => ({
    id,
    needs: of,
    prompt: `${id}(${of.map((need) => `{{${need}}}`).join(' ')})`
  }))
  return readPlan(JSON.stringify({ id: 'p', defaults: { model: 'm' }, atoms, ...more }))
}

function promptOf({ body }: AtomRequest): string {
  return (body['messages'] as { content: string }[])[0]?.content ?? ''
}

/** Answers with the prompt in brackets, for a cent; and remembers who was asked. */
function echoing(more: Partial<Record<string, () => ReturnType<AskAtom>>> = {}) {
  const requests: AtomRequest[] = []
  const ask: AskAtom = async (request) => {
    requests.push(request)
    await new Promise((resolve) => setImmediate(resolve))
    const own = more[request.atom]
    if (own !== undefined) return own()
    return { ok: true, costUsd: 0.01, answer: { text: `[${promptOf(request)}]`, layer: 'provider', isHit: false } }
  }
  return { ask, requests, asked: () => requests.map(({ atom }) => atom) }
}

async function vain(message = 'no') {
  return { ok: false, status: 400, message, mayPass: false, concernsAll: false } as const
}

function textsOf(answers: ReadonlyMap<string, { text: string }>): Record<string, string> {
  return Object.fromEntries([...answers].map(([id, { text }]) => [id, text]))
}

const diamond = { top: [], left: ['top'], right: ['top'], bottom: ['left', 'right'] }

describe('WaveExecutor', () => {
  it('asks wave by wave, with answers in their places', async () => {
    const { ask, requests } = echoing()
    const events: PlanEvent[] = []
    const outcome = await new WaveExecutor({ ask, observe: (event) => events.push(event) }).run(planOf(diamond))
    expect(requests.map(promptOf)).toEqual([
      'top()',
      'left([top()])',
      'right([top()])',
      'bottom([left([top()])] [right([top()])])'
    ])
    expect(requests.map(({ tags }) => tags)).toEqual([1, 2, 2, 3].map((wave) => ['masterplan:p', `wave:${wave}`]))
    const { answers, costUsd, ...counts } = outcome
    expect(counts).toEqual({
      end: 'finished',
      atoms: 4,
      done: 4,
      hits: 0,
      failed: 0,
      skipped: 0,
      resumed: 0,
      left: 0,
      unpriced: 0,
      savedUsd: 0
    })
    expect(costUsd).toBeCloseTo(0.04)
    expect(textsOf(answers)['bottom']).toBe('[bottom([left([top()])] [right([top()])])]')
    expect(events.map(({ type }) => type)).toEqual([
      'plan-begun',
      ...['wave-begun', 'atom-begun', 'atom-settled', 'wave-ended'],
      ...['wave-begun', 'atom-begun', 'atom-begun', 'atom-settled', 'atom-settled', 'wave-ended'],
      ...['wave-begun', 'atom-begun', 'atom-settled', 'wave-ended'],
      'plan-ended'
    ])
    expect(events[0]).toEqual({ type: 'plan-begun', plan: 'p', waves: 3, atoms: 4, alreadyDone: 0 })
    expect(events[3]).toEqual({
      type: 'atom-settled',
      atom: 'top',
      wave: 1,
      outcome: 'answered',
      layer: 'provider',
      hit: false,
      costUsd: 0.01,
      tookMs: expect.any(Number)
    })
  })

  it('asks so many at a time and no more, and more of them when they may be asked together', async () => {
    const wide = planOf(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`a${index}`, []])))
    async function most(options: Partial<WaveExecutorOptions>): Promise<{ most: number; batch: boolean }> {
      let underWay = 0
      let most = 0
      let batch = false
      const { ask } = echoing()
      await new WaveExecutor({
        ...options,
        async ask(request, signal) {
          most = Math.max(most, ++underWay)
          batch = request.batch
          const answer = await ask(request, signal)
          underWay -= 1
          return answer
        }
      }).run(wide)
      return { most, batch }
    }
    expect(await most({})).toEqual({ most: 8, batch: false })
    expect(await most({ concurrency: 3 })).toEqual({ most: 3, batch: false })
    expect(await most({ batch: true })).toEqual({ most: 32, batch: true })
  })

  it('gives an isolated plan a scope of its own, and each atom its tags and time to live', async () => {
    const { ask, requests } = echoing()
    await new WaveExecutor({ ask }).run(
      planOf({ a: [] }, { sharing: 'isolated', defaults: { model: 'm', tags: ['t'], ttl: '1h' } })
    )
    expect(requests[0]).toMatchObject({ scope: 'masterplan:p', tags: ['masterplan:p', 'wave:1', 't'], ttl: '1h' })
  })

  it('skips what needs a failed atom, says why, and goes on with the others', async () => {
    const { ask, asked } = echoing({ left: () => vain('too long') })
    const events: PlanEvent[] = []
    const plan = planOf({ ...diamond, last: ['bottom'], other: ['right'] })
    const outcome = await new WaveExecutor({ ask, observe: (event) => events.push(event) }).run(plan)
    expect(asked()).toEqual(['top', 'left', 'right', 'other'])
    expect(outcome).toMatchObject({ end: 'finished', done: 3, failed: 1, skipped: 2, left: 0 })
    const settled = events.flatMap((event) => (event.type === 'atom-settled' ? [event] : []))
    expect(settled.filter(({ error }) => error !== undefined)).toEqual([
      expect.objectContaining({ atom: 'left', outcome: 'failed', error: 'too long', status: 400 }),
      {
        type: 'atom-settled',
        atom: 'bottom',
        wave: 3,
        outcome: 'skipped',
        error: 'skipped: it needs left, which failed'
      },
      expect.objectContaining({
        atom: 'last',
        outcome: 'skipped',
        error: 'skipped: it needs bottom, which was skipped because left failed'
      })
    ])
  })

  it('spends no more than it may, and counts answers that are of no use', async () => {
    const wide = planOf(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a${index}`, []])))
    const few = echoing()
    expect(await new WaveExecutor({ ask: few.ask, spendingLimit: 0.05 }).run(wide)).toMatchObject({
      end: 'over-budget',
      done: 5,
      left: 15
    })
    let asked = 0
    const limit = new SpendingLimit(0.05)
    const cut = await new WaveExecutor({
      spendingLimit: limit,
      async ask() {
        asked += 1
        return { ok: false, message: 'cut off', mayPass: false, concernsAll: false, costUsd: 0.01 }
      }
    }).run(wide)
    expect(cut).toMatchObject({ end: 'over-budget', failed: 5, left: 15 })
    expect(cut.costUsd).toBeCloseTo(0.05)
    expect(limit.spentUsd).toBeCloseTo(0.05)
    expect(asked).toBe(5)
  })

  it('ends at an answer without a price when there is a limit, unless that is allowed', async () => {
    const free: AskAtom = async () => ({
      ok: true,
      costUsd: undefined,
      answer: { text: 'x', layer: 'provider', isHit: false }
    })
    const run = (options: Partial<WaveExecutorOptions>) =>
      new WaveExecutor({ ask: free, ...options }).run(planOf(diamond))
    expect(await run({ spendingLimit: 1 })).toMatchObject({ end: 'price-unknown', done: 1, unpriced: 1 })
    expect(await run({ spendingLimit: 1, allowUnknown: true })).toMatchObject({ end: 'finished', unpriced: 4 })
    expect(await run({})).toMatchObject({ end: 'finished', unpriced: 4 })
  })

  it('begins nothing more when it is stopped, and keeps what was under way', async () => {
    const stop = new AbortController()
    const { ask, asked } = echoing({
      async left() {
        stop.abort()
        return { ok: true, costUsd: 0, answer: { text: 'l', layer: 'exact', isHit: true } }
      }
    })
    const outcome = await new WaveExecutor({ ask }).run(planOf(diamond), { stop: stop.signal })
    expect(asked()).toEqual(['top', 'left', 'right'])
    expect(outcome).toMatchObject({ end: 'stopped', done: 3, hits: 1, left: 1 })
  })

  it('is finished when a stop comes after all is done', async () => {
    const stop = new AbortController()
    const { ask } = echoing({
      async a() {
        stop.abort()
        return { ok: true, costUsd: 0, answer: { text: 'a', layer: 'exact', isHit: true } }
      }
    })
    expect(await new WaveExecutor({ ask }).run(planOf({ a: [] }), { stop: stop.signal })).toMatchObject({
      end: 'finished',
      done: 1
    })
  })

  it('gives up what is under way when it is aborted', async () => {
    const abort = new AbortController()
    const ask: AskAtom = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        setImmediate(() => abort.abort())
      })
    const outcome = await new WaveExecutor({ ask }).run(planOf(diamond), { abort: abort.signal })
    expect(outcome).toMatchObject({ end: 'stopped', done: 0, failed: 0, left: 4 })
  })

  it('throws what asking throws, and keeps what was answered before', async () => {
    const results = PlanResults.inMemory()
    const { ask } = echoing({ left: () => Promise.reject(new RepriseError('store-closed', 'closed')) })
    await expect(new WaveExecutor({ ask }).run(planOf(diamond), { results })).rejects.toThrow('closed')
    const again = echoing()
    expect(await new WaveExecutor({ ask: again.ask }).run(planOf(diamond), { results })).toMatchObject({ done: 4 })
    expect(again.asked()).not.toContain('top')
  })

  it('shows each wave before it is asked, without what is done', async () => {
    const results = PlanResults.inMemory()
    const seen: [number, string[]][] = []
    const beforeWave: WaveExecutorOptions['beforeWave'] = async (requests, wave) => {
      seen.push([wave, requests.map(({ atom }) => atom)])
    }
    const failing = echoing({ right: () => vain() })
    await new WaveExecutor({ ask: failing.ask, beforeWave }).run(planOf(diamond), { results })
    await new WaveExecutor({ ask: echoing().ask, beforeWave }).run(planOf(diamond), { results })
    expect(seen).toEqual([
      [1, ['top']],
      [2, ['left', 'right']],
      [2, ['right']],
      [3, ['bottom']]
    ])
  })

  it('lets as many listen while a wave is prepared as like, without a warning of a leak', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): number => warnings.push(warning)
    process.on('warning', warned)
    const beforeWave: WaveExecutorOptions['beforeWave'] = async (_, __, signal) => {
      for (let listener = 0; listener < 100; listener++) signal.addEventListener('abort', () => {})
    }
    const user = { stop: new AbortController().signal, abort: new AbortController().signal }
    await new WaveExecutor({ ask: echoing().ask, beforeWave }).run(planOf(diamond), user)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  it('stops while a wave is prepared', async () => {
    const stop = new AbortController()
    const { ask, asked } = echoing()
    const beforeWave: WaveExecutorOptions['beforeWave'] = (_, __, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        stop.abort()
      })
    expect(await new WaveExecutor({ ask, beforeWave }).run(planOf(diamond), { stop: stop.signal })).toMatchObject({
      end: 'stopped',
      left: 4
    })
    expect(asked()).toEqual([])
  })

  it('asks a changed plan for what has changed, and for what depends on an answer that has', async () => {
    const results = PlanResults.inMemory()
    const run = async (plan: Plan, answers: Parameters<typeof echoing>[0] = {}) => {
      const { ask, asked } = echoing(answers)
      const outcome = await new WaveExecutor({ ask }).run(plan, { results })
      return { asked: asked(), resumed: outcome.resumed, done: outcome.done }
    }
    const changed = (text: string) => readPlan(JSON.stringify(sourceOf(text)))
    expect(await run(changed('x'))).toEqual({ asked: ['a', 'c', 'b'], resumed: 0, done: 3 })
    expect(await run(changed('x'))).toEqual({ asked: [], resumed: 3, done: 3 })
    expect(await run(changed('y'))).toEqual({ asked: ['a', 'b'], resumed: 1, done: 3 })
    // Asked otherwise, told the same: what needs it holds.
    const same = async () => ({ ok: true, costUsd: 0, answer: { text: '[y]', layer: 'exact', isHit: true } }) as const
    expect(await run(changed('z'), { a: same })).toEqual({ asked: ['a'], resumed: 2, done: 3 })
  })

  it('tells of what it finds to hold on the way, and of what held from the start by number', async () => {
    const results = PlanResults.inMemory()
    await new WaveExecutor({ ask: echoing().ask }).run(readPlan(JSON.stringify(sourceOf('y'))), { results })
    const events: PlanEvent[] = []
    const { ask } = echoing({
      a: async () => ({ ok: true, costUsd: 0, answer: { text: '[y]', layer: 'exact', isHit: true } })
    })
    const executor = new WaveExecutor({ ask, observe: (event) => events.push(event) })
    await executor.run(readPlan(JSON.stringify(sourceOf('z'))), { results })
    expect(events).toMatchObject([
      { type: 'plan-begun', atoms: 3, alreadyDone: 1 },
      { type: 'wave-begun', wave: 1, atoms: 2, pending: 1 },
      { type: 'atom-begun', atom: 'a' },
      { type: 'atom-settled', atom: 'a', outcome: 'answered', hit: true },
      { type: 'wave-ended', wave: 1 },
      { type: 'wave-begun', wave: 2, atoms: 1, pending: 1 },
      { type: 'atom-settled', atom: 'b', outcome: 'resumed', layer: 'provider', hit: false },
      { type: 'wave-ended', wave: 2 },
      { type: 'plan-ended' }
    ])
  })

  it('settles every atom of any plan once, after all that it needs, whatever fails', async () => {
    const graphs = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 15 })
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 4 }), async (shape, concurrency) => {
        const failing = new Set<string>()
        const needs: Record<string, string[]> = {}
        for (const [index, [one, other, fails]] of shape.entries()) {
          if (fails && one % 3 === 0) failing.add(`a${index}`)
          needs[`a${index}`] = index === 0 ? [] : [...new Set([`a${one % index}`, `a${other % index}`])].slice(one % 2)
        }
        const settled = new Map<string, string>()
        const { ask } = echoing(Object.fromEntries([...failing].map((id) => [id, () => vain()])))
        const outcome = await new WaveExecutor({
          ask,
          concurrency,
          observe(event) {
            if (event.type !== 'atom-settled') return
            expect(settled.has(event.atom)).toBe(false)
            const lost = needs[event.atom]?.some((need) => settled.get(need) !== 'answered') ?? false
            const expected = lost ? 'skipped' : failing.has(event.atom) ? 'failed' : 'answered'
            expect(event.outcome).toBe(expected)
            settled.set(event.atom, event.outcome)
          }
        }).run(planOf(needs))
        expect(settled.size).toBe(shape.length)
        expect(outcome.done + outcome.failed + outcome.skipped).toBe(shape.length)
      }),
      { numRuns: 60 }
    )
  })

  it('asks nothing with a hole in it, of a plan that was not read', async () => {
    const { ask, asked } = echoing()
    const [first, second] = planOf({ a: [], b: ['a'] }).atoms
    if (first === undefined || second === undefined) throw new Error('expected two atoms')
    const plan: Plan = { id: 'p', sharing: 'shared', atoms: [first, { ...second, needs: [] }] }
    await expect(new WaveExecutor({ ask }).run(plan)).rejects.toThrow(
      'atom b: expected templates of atoms that it needs, got a; add a to its needs'
    )
    expect(asked()).toEqual([])
  })

  it.each([
    [{ concurrency: 0 }, 'concurrency: expected a whole number of at least 1, got 0'],
    [{ spendingLimit: 0 }, 'spendingLimit: expected US dollars above 0, got 0']
  ])('refuses %j', (options, message) => {
    expect(() => new WaveExecutor({ ask: echoing().ask, ...options })).toThrow(message)
  })
})

/** What b asks depends on what a was told, and c on nothing. */
function sourceOf(text: string): object {
  return {
    id: 'p',
    defaults: { model: 'm' },
    atoms: [
      { id: 'a', prompt: text },
      { id: 'b', needs: ['a'], prompt: 'b: {{a}}' },
      { id: 'c', prompt: 'c' }
    ]
  }
}
