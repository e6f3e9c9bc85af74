import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HandProvider, makeContext, textKind } from '../../test/support/ask.ts'
import { askedIn, textBatching, toldAll } from '../../test/support/text-batching.ts'
import type { Answer } from '../core/answer.ts'
import type { Batching, Doubtful } from '../core/batching.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context } from '../core/handler.ts'
import { OverBudgetError } from '../core/over-budget-error.ts'
import { type BatchLayerOptions, batch } from './batch.ts'

type Request = { text: string }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => vi.useRealTimers())

function setUp(
  options: BatchLayerOptions<Request> = { on: true },
  batching: Batching<Request, string> = textBatching()
) {
  const provider = new HandProvider()
  const handler = batch(textKind, batching, options).wrap(provider.ask)
  const ask = (text: string, own: Partial<Context> = {}): Promise<Answer<string>> =>
    handler({ text }, { ...makeContext(own) })
  /** What has been asked so far: one text, or those of one call. */
  const asked = () => provider.asked.map(({ text }) => askedIn(text)?.map(([, each]) => each) ?? text)
  /** Answers a call: `re: ` and what was asked, or what else is to be told of a text. */
  const answer = (call: number, others: Readonly<Record<string, string | Doubtful | undefined>> = {}) => {
    const one = provider.asked[call]
    if (one === undefined) throw new Error(`there is no call ${call}`)
    const tell = (text: string) => (Object.hasOwn(others, text) ? others[text] : `re: ${text}`)
    one.answer(askedIn(one.text) === undefined ? `re: ${one.text}` : toldAll(one.text, tell))
  }
  return { provider, ask, asked, answer }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** What has become of it: its value, or its error. */
const outcomeOf = (answer: Promise<Answer<string>>): Promise<unknown> =>
  answer.then(
    ({ value }) => value,
    (error: unknown) => error
  )

/** A promise's outcome so far. */
function watch(answer: Promise<Answer<string>>): { outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: 'waiting' }
  void outcomeOf(answer).then((outcome) => (watched.outcome = outcome))
  return watched
}

describe('a batch', () => {
  it('is not tried again for ten minutes where three in a row have answered one at most', async () => {
    const { provider, ask, asked, answer } = setUp({ on: true, size: 2 })
    const doubt = { doubt: 'tampered' }
    for (const round of [0, 1, 2]) {
      const pair = [ask(`red: a${round}`), ask(`red: b${round}`)]
      const call = provider.asked.length - 1
      answer(call, { [`red: a${round}`]: doubt, ...(round === 0 ? {} : { [`red: b${round}`]: doubt }) })
      await pass(0)
      for (let alone = call + 1; alone < provider.asked.length; alone++) answer(alone)
      await Promise.all(pair)
    }
    const before = provider.asked.length
    const pair = [ask('red: c'), ask('red: d'), ask('blue: c'), ask('blue: d')]
    expect(asked().slice(before)).toEqual(['red: c', 'red: d', ['blue: c', 'blue: d']])
    for (let call = before; call < provider.asked.length; call++) answer(call)
    await Promise.all(pair)
  })

  it('is made of those only who would be asked the same way', async () => {
    const { ask, asked } = setUp({ on: true, size: 2, wayOf: ({ text }: Request) => (text.includes('far') ? '1' : '') })
    for (const text of ['red: far 1', 'red: near 1', 'red: far 2', 'red: near 2']) void outcomeOf(ask(text))
    expect(asked()).toEqual([
      ['red: far 1', 'red: far 2'],
      ['red: near 1', 'red: near 2']
    ])
  })

  it('asks in one call what arrives within 500 ms, and gives each its own answer, wherever it stands', async () => {
    const { provider, ask, asked, answer } = setUp()
    const answers = [ask('red: 1'), ask('red: 2')]
    await pass(499)
    answers.push(ask('red: 3'))
    expect(asked()).toEqual([])
    await pass(1)
    expect(asked()).toEqual([['red: 1', 'red: 2', 'red: 3']])
    answer(0)
    const told = await Promise.all(answers)
    expect(told.map(({ value }) => value)).toEqual(['re: red: 1', 're: red: 2', 're: red: 3'])
    expect(told.map(({ origin }) => [origin.layer, origin.batched, origin.costUsd])).toEqual(
      Array(3).fill(['provider', 3, 0.5 / 3])
    )
    expect(provider.asked).toHaveLength(1)
  })

  it('goes at once when five are there, and the next one waits for others', async () => {
    const { ask, asked } = setUp()
    for (const number of [1, 2, 3, 4, 5, 6]) void ask(`red: ${number}`)
    expect(asked()).toEqual([['red: 1', 'red: 2', 'red: 3', 'red: 4', 'red: 5']])
    await pass(500)
    expect(asked()[1]).toBe('red: 6')
  })

  it('does not wait longer because others come', async () => {
    const { ask, asked } = setUp({ on: true, windowMs: 100, size: 64 })
    for (const number of [1, 2, 3, 4]) {
      void ask(`red: ${number}`)
      await pass(30)
    }
    expect(asked()).toEqual([['red: 1', 'red: 2', 'red: 3', 'red: 4']])
  })

  it('gathers what arrives in the same turn when its window is 0', async () => {
    const { ask, asked } = setUp({ on: true, windowMs: 0 })
    void ask('red: 1')
    void ask('red: 2')
    await pass(0)
    expect(asked()).toEqual([['red: 1', 'red: 2']])
  })

  it('asks one that has remained alone as itself, with its own context', async () => {
    const batching = textBatching()
    const combine = vi.spyOn(batching, 'combine')
    const { provider, ask, answer } = setUp({ on: true }, batching)
    const own = { tags: ['t'], mark: 7, mode: { noCache: true } } as const
    const lonely = ask('red: 1', own)
    await pass(500)
    expect(provider.asked[0]).toMatchObject({ text: 'red: 1', context: own })
    answer(0)
    expect((await lonely).origin).not.toHaveProperty('batched')
    expect(combine).not.toHaveBeenCalled()
  })

  it('answers two that ask the same, in one call', async () => {
    const { ask, asked, answer } = setUp()
    const both = [ask('red: 1'), ask('red: 1')]
    await pass(500)
    expect(asked()).toEqual([['red: 1', 'red: 1']])
    answer(0)
    expect((await Promise.all(both)).map(({ value }) => value)).toEqual(['re: red: 1', 're: red: 1'])
  })
})

describe('what is asked together', () => {
  it.each<[string, BatchLayerOptions, string, Partial<Context>]>([
    ['unless it is wanted', {}, 'red: 1', {}],
    ['when its caller does not want it', { on: true }, 'red: 1', { batch: false }],
    ['when its caller wants to see it while it is made', { on: true }, 'red: 1', { onDelta: () => {} }],
    ['when it has no group', { on: true }, 'none: 1', { batch: true }]
  ])('is not a request %s: it is asked at once', (_, options, text, own) => {
    const { ask, asked } = setUp(options)
    void ask(text, own)
    expect(asked()).toEqual([text])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is what its caller wants to be, where it is not so by itself', async () => {
    const { ask, asked } = setUp({})
    void ask('red: 1', { batch: true })
    void ask('red: 2', { batch: true })
    await pass(500)
    expect(asked()).toEqual([['red: 1', 'red: 2']])
  })

  it('is no request whose group cannot be told, which is told of', () => {
    const groupless = {
      ...textBatching(),
      group: () => {
        throw new Error('no group')
      }
    }
    const { ask, asked } = setUp({ on: true }, groupless)
    const observe = vi.fn()
    void ask('red: 1', { observe })
    expect(asked()).toEqual(['red: 1'])
    expect(observe.mock.calls).toMatchObject([[{ type: 'failed', part: 'batch', operation: 'group', kind: 'text' }]])
  })

  it.each<[string, string, Partial<Context>, Partial<Context>]>([
    ['group', 'blue: 2', {}, {}],
    ['scope', 'red: 2', { scope: ['a', 'b'] }, { scope: ['a,b'] }],
    ['tenant', 'red: 2', { tenant: 'a' }, { tenant: 'b' }],
    ['tenant, which one has not', 'red: 2', {}, { tenant: 'null' }],
    ['patience', 'red: 2', { spare: true }, {}],
    ['tags', 'red: 2', { tags: ['a'] }, { tags: ['a', 'b'] }]
  ])('is never of another %s', async (_, other, first, second) => {
    const { ask, asked } = setUp()
    void ask('red: 1', first)
    void ask(other, second)
    await pass(500)
    expect(asked()).toEqual(['red: 1', other])
  })

  it('is of the same tags, in whatever order, or where only some matter, of those', async () => {
    const { provider, ask, asked } = setUp({
      on: true,
      tagsThatMatter: (tags) => tags.filter((tag) => tag.startsWith('team:'))
    })
    void ask('red: 1', { tags: ['team:a', 'team:b', '1'] })
    void ask('red: 2', { tags: ['2', 'team:b', 'team:a', 'team:a'] })
    void ask('red: 3', { tags: ['team:a', '1'] })
    await pass(500)
    expect(asked()).toEqual([['red: 1', 'red: 2'], 'red: 3'])
    expect(provider.asked[0]?.context.tags).toEqual(['team:a', 'team:b', '1', '2'])
  })

  it('is asked with a context of its own', async () => {
    const { provider, ask } = setUp()
    const shared: Partial<Context> = { scope: ['s'], tenant: 't', spare: true }
    const first = { ...shared, mark: 1, ttlMs: 5, mode: { noCache: true }, batch: true, caller: new AbortController() }
    const observe = vi.fn()
    void ask('red: 1', { ...first, observe } as Partial<Context>)
    void ask('red: 2', { ...shared, mark: 2 })
    await pass(500)
    const { caller, ...context } = provider.asked[0]?.context ?? makeContext()
    expect(context).toEqual({ ...shared, mode: {}, tags: [], observe })
    expect(caller).not.toBe(first.caller)
  })
})

describe('one who leaves', () => {
  it('while waiting is told so at once, and is not asked', async () => {
    const { ask, asked, answer } = setUp()
    const caller = new AbortController()
    const others = [ask('red: 1'), ask('red: 2')]
    const leaving = watch(ask('red: 3', { caller }))
    await pass(100)
    caller.abort('enough')
    await pass(0)
    expect(leaving.outcome).toBeInstanceOf(RepriseError)
    expect(leaving.outcome).toMatchObject({ code: 'aborted', cause: 'enough' })
    await pass(400)
    expect(asked()).toEqual([['red: 1', 'red: 2']])
    answer(0)
    expect((await Promise.all(others)).map(({ value }) => value)).toEqual(['re: red: 1', 're: red: 2'])
  })

  it('makes room for another', async () => {
    const { ask, asked } = setUp({ on: true, size: 2 })
    const caller = new AbortController()
    const leaving = outcomeOf(ask('red: 1', { caller }))
    caller.abort()
    void ask('red: 2')
    expect(asked()).toEqual([])
    void ask('red: 3')
    expect(asked()).toEqual([['red: 2', 'red: 3']])
    await leaving
  })

  it('as the last who waits leaves no timer behind, and the next one has the whole window', async () => {
    const { ask, asked } = setUp()
    const callers = [new AbortController(), new AbortController()]
    const leaving = callers.map((caller, number) => outcomeOf(ask(`red: ${number}`, { caller })))
    for (const caller of callers) caller.abort()
    expect(vi.getTimerCount()).toBe(0)
    await Promise.all(leaving)
    await pass(400)
    void ask('red: 3')
    await pass(499)
    expect(asked()).toEqual([])
    await pass(1)
    expect(asked()).toEqual(['red: 3'])
  })

  it('before asking is not waited for', async () => {
    const { ask, asked } = setUp()
    const outcome = await outcomeOf(ask('red: 1', { caller: { signal: AbortSignal.abort('gone') } }))
    expect(outcome).toMatchObject({ code: 'aborted', cause: 'gone' })
    expect(asked()).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('while they are asked is told so at once, and changes nothing for the others', async () => {
    const { provider, ask, asked, answer } = setUp()
    const caller = new AbortController()
    const leaving = watch(ask('red: 1', { caller }))
    const other = ask('red: 2')
    await pass(500)
    caller.abort('enough')
    await pass(0)
    expect(leaving.outcome).toMatchObject({ code: 'aborted', cause: 'enough' })
    expect(provider.asked[0]?.context.caller.signal.aborted).toBe(false)
    answer(0, { 'red: 1': { doubt: 'mixed' } })
    expect((await other).value).toBe('re: red: 2')
    await pass(1000)
    expect(asked()).toHaveLength(1)
  })

  it('while they are asked is not asked alone when that fails', async () => {
    const { provider, ask, asked } = setUp()
    const caller = new AbortController()
    const leaving = outcomeOf(ask('red: 1', { caller }))
    void ask('red: 2')
    await pass(500)
    caller.abort()
    provider.asked[0]?.fail(new Error('down'))
    await leaving
    await pass(0)
    expect(asked()).toEqual([['red: 1', 'red: 2'], 'red: 2'])
  })

  it('as the last one aborts the call, and nobody is asked again', async () => {
    const { provider, ask, asked } = setUp()
    const callers = [new AbortController(), new AbortController()]
    const observe = vi.fn()
    const leaving = callers.map((caller, number) => outcomeOf(ask(`red: ${number}`, { caller, observe })))
    await pass(500)
    const { signal } = (provider.asked[0]?.context ?? makeContext()).caller
    callers[1]?.abort()
    await pass(0)
    expect(signal.aborted).toBe(false)
    callers[0]?.abort()
    expect(signal.aborted).toBe(true)
    expect(await Promise.all(leaving)).toMatchObject([{ code: 'aborted' }, { code: 'aborted' }])
    await pass(1000)
    expect(asked()).toHaveLength(1)
    expect(observe.mock.calls).toMatchObject([[{ type: 'batched', size: 2, alone: 0, reasons: [] }]])
  })

  it('while it is told how the call has gone is not asked alone', async () => {
    const { provider, ask, asked } = setUp()
    const caller = new AbortController()
    const leaving = outcomeOf(ask('red: 1', { caller, observe: () => caller.abort() }))
    void ask('red: 2')
    await pass(500)
    provider.asked[0]?.fail(new Error('down'))
    expect(await leaving).toMatchObject({ code: 'aborted' })
    await pass(0)
    expect(asked()).toEqual([['red: 1', 'red: 2'], 'red: 2'])
  })

  it('as the last one of a call does not part those who have come after it began', async () => {
    const { ask, asked } = setUp({ on: true, size: 2 })
    const caller = new AbortController()
    const leaving = ['red: 1', 'red: 2'].map((text) => outcomeOf(ask(text, { caller })))
    void ask('red: 3')
    caller.abort()
    await Promise.all(leaving)
    void ask('red: 4')
    expect(asked()).toEqual([
      ['red: 1', 'red: 2'],
      ['red: 3', 'red: 4']
    ])
  })

  it('while being asked alone is told so at once', async () => {
    const stubborn = vi.fn(() => new Promise<never>(() => {}))
    const caller = new AbortController()
    const ask = batch(textKind, textBatching(), { on: true }).wrap(stubborn)
    const leaving = outcomeOf(ask({ text: 'red: 1' }, makeContext({ caller })))
    await pass(500)
    expect(stubborn).toHaveBeenCalledOnce()
    caller.abort('enough')
    expect(await leaving).toMatchObject({ code: 'aborted', cause: 'enough' })
  })

  it('later finds nobody listening', async () => {
    const { ask, answer } = setUp()
    const callers = [new AbortController(), new AbortController()]
    const answers = callers.map((caller, number) => ask(`red: ${number}`, { caller }))
    await pass(500)
    expect(getEventListeners(callers[0]?.signal ?? new EventTarget(), 'abort')).toHaveLength(1)
    answer(0)
    await Promise.all(answers)
    for (const { signal } of callers) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('whoever was not told for certain', () => {
  const over = { limitUsd: 1, spentUsd: 1, reservedUsd: 0, estimateUsd: 1, resetsAtMs: undefined }
  it.each<[string, Error]>([
    ['a provider that is down', new ProviderError('p', 503, {}, Buffer.from('{}'))],
    ['a credential that is not known', new ProviderError('p', 401, {}, Buffer.from('{}'))],
    ['a budget that has no room for so much', new OverBudgetError({ budget: 'b', ...over })],
    ['a provider that takes too long', new RepriseError('provider-timeout', 'too long')],
    ['a call that somebody below has given up', new RepriseError('aborted', 'for no reason')]
  ])('because of %s is asked alone, at the same time as the others, each as itself', async (_, error) => {
    const { provider, ask, asked, answer } = setUp()
    const answers = [ask('red: 1', { mark: 1 }), ask('red: 2', { mark: 2 }), ask('red: 3', { mark: 3 })]
    await pass(500)
    provider.asked[0]?.fail(error)
    await pass(0)
    expect(asked().slice(1)).toEqual(['red: 1', 'red: 2', 'red: 3'])
    expect(provider.asked.slice(1).map(({ context }) => context.mark)).toEqual([1, 2, 3])
    const own = new Error('its own')
    answer(3)
    provider.asked[2]?.fail(own)
    answer(1)
    expect(await Promise.all(answers.map(outcomeOf))).toEqual(['re: red: 1', own, 're: red: 3'])
  })

  it('because the handler throws at once is asked alone', async () => {
    const error = new Error('at once')
    const ask = batch(textKind, textBatching(), { on: true }).wrap(() => {
      throw error
    })
    const answers = ['red: 1', 'red: 2'].map((text) => outcomeOf(ask({ text }, makeContext())))
    await pass(500)
    expect(await Promise.all(answers)).toEqual([error, error])
  })

  it('is asked alone, and nobody else', async () => {
    const { ask, asked, answer } = setUp()
    const answers = ['red: 1', 'red: 2', 'red: 3', 'red: 4'].map((text) => ask(text))
    const last = ask('red: 5')
    answer(0, { 'red: 2': undefined, 'red: 4': { doubt: 'mixed' } })
    expect((await last).value).toBe('re: red: 5')
    await pass(0)
    expect(asked().slice(1)).toEqual(['red: 2', 'red: 4'])
    answer(1)
    answer(2)
    const told = await Promise.all(answers)
    expect(told.map(({ value }) => value)).toEqual(['re: red: 1', 're: red: 2', 're: red: 3', 're: red: 4'])
    expect(told.map(({ origin }) => origin.batched)).toEqual([5, undefined, 5, undefined])
  })

  it('because parts are fewer than requests is asked alone', async () => {
    const whole = textBatching()
    const short: Batching<Request, string> = {
      ...whole,
      combine(requests) {
        const { request, split } = whole.combine(requests)
        return { request, split: (answer) => split(answer).slice(0, 1) }
      }
    }
    const { ask, asked, answer } = setUp({ on: true }, short)
    const answers = [ask('red: 1'), ask('red: 2')]
    await pass(500)
    answer(0)
    await pass(0)
    expect(asked()[1]).toBe('red: 2')
    answer(1)
    expect((await Promise.all(answers)).map(({ value }) => value)).toEqual(['re: red: 1', 're: red: 2'])
  })

  it('because the answer cannot be split is asked alone, which is told of', async () => {
    const { provider, ask, asked } = setUp()
    const observe = vi.fn()
    void ask('red: 1', { observe })
    void ask('red: 2')
    await pass(500)
    provider.asked[0]?.answer('unsplittable')
    await pass(0)
    expect(asked().slice(1)).toEqual(['red: 1', 'red: 2'])
    expect(observe.mock.calls).toMatchObject([
      [{ type: 'failed', part: 'batch', operation: 'split', error: { message: 'unsplittable' } }],
      [{ type: 'batched', size: 2, alone: 2, reasons: ['failed'] }]
    ])
  })

  it('because the requests cannot be combined is asked alone, and no batch is told of', async () => {
    const stubborn: Batching<Request, string> = {
      ...textBatching(),
      combine() {
        throw new Error('uncombinable')
      }
    }
    const { ask, asked } = setUp({ on: true }, stubborn)
    const observe = vi.fn()
    void ask('red: 1', { observe })
    void ask('red: 2')
    await pass(500)
    expect(asked()).toEqual(['red: 1', 'red: 2'])
    expect(observe.mock.calls).toMatchObject([[{ type: 'failed', part: 'batch', operation: 'combine' }]])
  })
})

describe('what is told', () => {
  it('is one event of each call, to the first of those who are in it', async () => {
    const { provider, ask, answer } = setUp({ on: true, size: 6 })
    const [gone, first, second] = [vi.fn(), vi.fn(), vi.fn()]
    const caller = new AbortController()
    const leaving = outcomeOf(ask('red: 0', { caller, observe: gone }))
    const answers = [
      ask('red: 1', { observe: first }),
      ask('red: 2', { observe: second }),
      ask('red: 3'),
      ask('red: 4')
    ]
    caller.abort()
    await leaving
    await pass(500)
    provider.asked[0]?.context.observe({ type: 'asked', provider: 'p', wire: 'w', ok: true, tookMs: 1 })
    answer(0, { 'red: 1': undefined, 'red: 2': { doubt: 'mixed' }, 'red: 3': { doubt: 'mixed' } })
    await pass(0)
    for (const call of [1, 2, 3]) answer(call)
    await Promise.all(answers)
    expect(first.mock.calls).toEqual([
      [{ type: 'asked', provider: 'p', wire: 'w', ok: true, tookMs: 1 }],
      [{ type: 'batched', layer: 'batch', kind: 'text', size: 4, alone: 3, reasons: ['missing', 'mixed'] }]
    ])
    expect(second).not.toHaveBeenCalled()
    expect(gone).not.toHaveBeenCalled()
  })

  it('leaves nobody waiting when whoever listens throws', async () => {
    const { provider, ask } = setUp()
    const error = new Error('I do not want to know')
    const observe = (): never => {
      throw error
    }
    const answers = [ask('red: 1', { observe }), ask('red: 2')].map(outcomeOf)
    await pass(500)
    provider.asked[0]?.fail(new Error('down'))
    expect(await Promise.all(answers)).toEqual([error, error])
  })
})

describe('its options', () => {
  it.each<[string, BatchLayerOptions]>([
    ['batch: windowMs: expected milliseconds from 0 to 60,000, got -1', { windowMs: -1 }],
    ['batch: windowMs: expected milliseconds from 0 to 60,000, got 60001', { windowMs: 60_001 }],
    ['batch: windowMs: expected milliseconds from 0 to 60,000, got NaN', { windowMs: Number.NaN }],
    ['batch: size: expected a whole number from 2 to 64, got 1', { size: 1 }],
    ['batch: size: expected a whole number from 2 to 64, got 65', { size: 65 }],
    ['batch: size: expected a whole number from 2 to 64, got 2.5', { size: 2.5 }],
    ['batch: size: expected a whole number from 2 to 64, got "5"', JSON.parse('{"size":"5"}') as BatchLayerOptions],
    ['batch: on: expected true or false, got "yes"', JSON.parse('{"on":"yes"}') as BatchLayerOptions]
  ])('%s', (message, options) => {
    expect(() => batch(textKind, textBatching(), options)).toThrow(
      expect.objectContaining({ code: 'invalid-option', message })
    )
  })

  it.each<BatchLayerOptions>([
    { windowMs: 0, size: 2 },
    { windowMs: 60_000, size: 64 }
  ])('may be %j', (options) => {
    expect(batch(textKind, textBatching(), options).name).toBe('batch')
  })
})
