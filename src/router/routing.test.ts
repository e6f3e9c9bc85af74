import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  breaks,
  hangs,
  type Reply,
  refuses,
  requestOf,
  routerOver,
  says,
  saysBody,
  streams,
  target
} from '../../test/support/routed.ts'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Event } from '../core/events.ts'
import type { Delta } from '../core/handler.ts'
import { crossingBetween } from '../wires/crossings.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import { Limiter } from './limiter.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Time passes at once when somebody waits for it. */
function clock(): { readonly waits: number[]; sleep(ms: number): Promise<void> } {
  const waits: number[] = []
  return {
    waits,
    async sleep(ms) {
      waits.push(ms)
      vi.setSystemTime(Date.now() + ms)
    }
  }
}

function ofType<Type extends Event['type']>(events: readonly Event[], type: Type): Extract<Event, { type: Type }>[] {
  return events.filter((event): event is Extract<Event, { type: Type }> => event.type === type)
}

async function failure(asked: Promise<unknown>): Promise<Error> {
  try {
    await asked
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('expected it to fail')
}

const noRetry = { retry: { attempts: 0, onStatusCodes: [], maxWaitMs: 5000 } }

describe('a route of one target', () => {
  it('hands the answer on as it is, with who gave it and what it cost', async () => {
    const { ask, provider, events } = routerOver({ providers: { a: [says('hello')] } })
    const request = requestOf()
    const { value, origin } = await ask({}, request)
    expect(Buffer.from(value.bytes).toString()).toContain('hello')
    expect(origin).toMatchObject({ layer: 'provider', provider: 'a', model: 'said', costUsd: 0.5 })
    expect(origin).not.toHaveProperty('fallback')
    expect(origin).not.toHaveProperty('storable')
    expect(provider('a').requests[0]).toBe(request)
    expect(ofType(events, 'charged')).toEqual([{ type: 'charged', target: 'a/m', model: 'said', costUsd: 0.5 }])
  })

  it('throws what its provider said, untouched', async () => {
    const { ask, provider } = routerOver({ providers: { a: [refuses(429)] }, plan: noRetry })
    const error = await failure(ask())
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject({ status: 429, provider: 'fake' })
    expect(provider('a').requests).toHaveLength(1)
  })

  it('passes on an answer that is none as it came', async () => {
    const { ask } = routerOver({ providers: { a: [saysBody({ error: { message: 'broken' } })] } })
    expect((await ask()).value.json).toEqual({ error: { message: 'broken' } })
  })

  it('throws the connection error when nobody can be reached', async () => {
    const { ask } = routerOver({ providers: { a: [breaks('ECONNREFUSED')] }, plan: noRetry })
    expect(await failure(ask())).toMatchObject({ code: 'provider-unreachable' })
  })

  it('asks under the model that the route names, and changes nothing else', async () => {
    const { ask, provider } = routerOver({
      providers: { a: [says('hello')] },
      plan: { targets: [target('a', { model: 'other' })] }
    })
    await ask()
    expect(provider('a').requests[0]?.content.json).toEqual({ ...requestOf().content.json, model: 'other' })
  })
})

describe('retries', () => {
  it('asks the same target again after the wait that it asked for', async () => {
    const { waits, sleep } = clock()
    const { ask, provider, events } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '2' }), says('hello')] },
      parts: { sleep }
    })
    await ask()
    expect(waits).toEqual([2000])
    expect(provider('a').requests).toHaveLength(2)
    expect(ofType(events, 'retried')).toEqual([
      { type: 'retried', target: 'a/m', waitMs: 2000, reason: 'answered 429: status 429' }
    ])
    expect(ofType(events, 'fell-back')).toEqual([])
  })

  it('asks again after a failed connection, with a short wait drawn at random', async () => {
    const { waits, sleep } = clock()
    const { ask } = routerOver({
      providers: { a: [breaks('ECONNRESET'), says('hello')] },
      parts: { sleep, random: () => 0.4 }
    })
    await ask()
    expect(waits).toEqual([100])
  })

  it('leaves a target out, for all, when it wants too long a wait', async () => {
    const { waits, sleep } = clock()
    const { ask, provider, router } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '20' })] },
      parts: { sleep }
    })
    expect(await failure(ask())).toMatchObject({ status: 429, provider: 'fake' })
    expect(router.status()).toEqual([{ target: 'a/m', state: 'left-out', leftOutUntilMs: 1_020_000 }])
    const error = await failure(ask())
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect(error).toMatchObject({ status: 429, retryAfterMs: 20_000 })
    expect(error.message).toMatch(/a\/m: left out for 20000 ms more, since it answered 429/)
    expect(waits).toEqual([])
    expect(provider('a').requests).toHaveLength(1)
  })

  it('does not leave others out for the rate limit of one who pays with its own credential', async () => {
    const { ask, provider, router } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '20' })] },
      routed: { passesCredential: true },
      plan: { breaker: { failures: 2, leftOutMs: 1000 } }
    })
    for (let call = 0; call < 5; call++) expect(await failure(ask())).toMatchObject({ status: 429, provider: 'fake' })
    expect(provider('a').requests).toHaveLength(5)
    expect(router.status()).toEqual([{ target: 'a/m', state: 'up' }])
  })

  it('does not leave a target out for what is about one request, though it says when to come back', async () => {
    const { ask, router } = routerOver({ providers: { a: [refuses(403, { 'retry-after': '20' })] } })
    await failure(ask())
    expect(router.status()).toEqual([{ target: 'a/m', state: 'up' }])
  })

  it('believes no provider that it wants to be left out for more than a minute', async () => {
    const { ask, router } = routerOver({ providers: { a: [refuses(429, { 'retry-after': '86400' })] } })
    expect(await failure(ask())).toMatchObject({ status: 429 })
    expect(router.status()).toMatchObject([{ leftOutUntilMs: 1_060_000 }])
  })

  it('never waits when an older answer is at hand', async () => {
    const { waits, sleep } = clock()
    const { ask, provider } = routerOver({
      providers: { a: [refuses(503)], b: [refuses(503)] },
      parts: { sleep, random: () => 0.5 }
    })
    await failure(ask({ spare: true }))
    expect(waits).toEqual([])
    expect([provider('a').requests.length, provider('b').requests.length]).toEqual([1, 1])
  })

  it('does not make the caller wait for a target whose place another can take at once', async () => {
    const { waits, sleep } = clock()
    const { ask, router } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '3' })], b: [says('from b')] },
      parts: { sleep }
    })
    expect((await ask()).origin.provider).toBe('b')
    expect(waits).toEqual([])
    expect(router.status()).toContainEqual({ target: 'a/m', state: 'left-out', leftOutUntilMs: 1_003_000 })
  })
})

describe('a target that was put off', () => {
  it('is gone back to when the others have failed, after the wait that it asked for, and once only', async () => {
    const { waits, sleep } = clock()
    const { ask, provider, events } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '3' }), says('from a')], b: [refuses(500)] },
      parts: { sleep, random: () => 0 }
    })
    expect((await ask()).origin.provider).toBe('a')
    expect(waits).toEqual([0, 3000])
    expect(ofType(events, 'retried')).toMatchObject([{ target: 'b/m' }, { target: 'a/m', waitMs: 3000 }])
    expect(ofType(events, 'fell-back').map(({ from, to }) => [from, to])).toEqual([
      ['a/m', 'b/m'],
      ['b/m', 'a/m']
    ])
    provider('a').next(refuses(429, { 'retry-after': '3' }))
    expect(await failure(ask())).toBeInstanceOf(AllProvidersFailedError)
    expect(provider('a').requests).toHaveLength(4)
  })

  it('may still say that the request is wrong', async () => {
    const { sleep } = clock()
    const { ask } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '3' }), refuses(400)], b: [refuses(500)] },
      parts: { sleep }
    })
    expect(await failure(ask())).toMatchObject({ status: 400, provider: 'fake' })
  })
})

describe('fallbacks', () => {
  it.each<[string, Reply, string]>([
    ['a refusal', refuses(500), 'answered 500: status 500'],
    ['a failed connection', breaks('ECONNREFUSED'), 'fake could not be reached'],
    ['an answer that is none', saysBody({ choices: [] }), 'answered with something that is no answer'],
    ['a failure with a good status', saysBody({ error: 'no' }), 'answered with something that is no answer']
  ])('ask the next target after %s', async (_name, reply, reason) => {
    const { ask, events } = routerOver({ providers: { a: [reply], b: [says('from b')] }, plan: noRetry })
    const { origin } = await ask()
    expect(origin.provider).toBe('b')
    expect(ofType(events, 'fell-back')).toEqual([{ type: 'fell-back', from: 'a/m', to: 'b/m', reason }])
  })

  it('ask the next target when one has taken longer than it may', async () => {
    const { ask, events, provider } = routerOver({
      providers: { a: [hangs], b: [says('from b')] },
      plan: { targets: [target('a', { timeoutMs: 5 }), target('b')] }
    })
    expect((await ask()).origin.provider).toBe('b')
    expect(provider('a').contexts[0]?.caller.signal.aborted).toBe(true)
    expect(provider('b').contexts[0]?.caller.signal.aborted).toBe(false)
    expect(ofType(events, 'fell-back')[0]?.reason).toBe('gave no answer within 5 ms')
  })

  it('do not happen for what is wrong with the request', async () => {
    const { ask, provider } = routerOver({ providers: { a: [refuses(400)], b: [] } })
    expect(await failure(ask())).toMatchObject({ status: 400, provider: 'fake' })
    expect(provider('b').requests).toHaveLength(0)
  })

  it('list every target with its reason when all have failed', async () => {
    const { ask } = routerOver({
      providers: { a: [refuses(500)], b: [breaks('ECONNREFUSED')], c: [] },
      wires: { c: ['anthropic-messages'] },
      plan: noRetry
    })
    const error = await failure(ask())
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect((error as AllProvidersFailedError).failures).toMatchObject([
      { target: 'a/m', reason: 'answered 500: status 500', status: 500 },
      { target: 'b/m', reason: 'fake could not be reached' },
      { target: 'c/m', reason: 'c does not speak openai-chat, nor anything that it could be carried over to' }
    ])
    expect(error).toMatchObject({ code: 'all-providers-failed', status: 502 })
  })

  it('say when to come back when all want to be asked later', async () => {
    const { ask } = routerOver({
      providers: { a: [refuses(429, { 'retry-after': '30' })], b: [refuses(429, { 'retry-after': '20' })] }
    })
    expect(await failure(ask())).toMatchObject({ status: 429, retryAfterMs: 20_000 })
  })

  it('by another model are marked, and not stored unless the route says so', async () => {
    const targets = [target('a'), target('b', { model: 'other', isFallback: true })]
    const setting = { providers: { a: [refuses(500)], b: [says('from b')] } }
    const unstored = await routerOver({ ...setting, plan: { ...noRetry, targets } }).ask()
    expect(unstored.origin).toMatchObject({ provider: 'b', fallback: true, storable: false })
    const stored = await routerOver({ ...setting, plan: { ...noRetry, targets, storeFallbacks: true } }).ask()
    expect(stored.origin).toMatchObject({ provider: 'b', fallback: true })
    expect(stored.origin).not.toHaveProperty('storable')
  })

  it('skip a target that cannot take the request, and say why', async () => {
    const { ask, events, provider } = routerOver({
      providers: { a: [], b: [says('from b')] },
      wires: { a: ['anthropic-messages'] }
    })
    expect((await ask()).origin.provider).toBe('b')
    expect(provider('a').requests).toHaveLength(0)
    expect(ofType(events, 'skipped')).toEqual([
      {
        type: 'skipped',
        target: 'a/m',
        reason: 'unsuitable',
        detail: 'a does not speak openai-chat, nor anything that it could be carried over to'
      }
    ])
    expect(ofType(events, 'fell-back')).toEqual([])
  })

  it('end with an error of the request when no target can take it', async () => {
    const { ask } = routerOver({ providers: { a: [], b: [] } })
    const request = requestOf({ input: 'hi' }, openaiResponses)
    const error = await failure(ask({}, request))
    expect(error).toMatchObject({ code: 'no-suitable-target', status: 400 })
    expect(error.message).toContain('b/m: b does not speak openai-responses')
  })
})

describe('the breaker of a target', () => {
  const plan = { ...noRetry, breaker: { failures: 2, leftOutMs: 1000 } }

  it('leaves it out after failures in a row, and tells', async () => {
    const { ask, provider, events, router } = routerOver({
      providers: { a: [refuses(500)], b: [says('from b')] },
      plan
    })
    for (let call = 0; call < 5; call++) await ask()
    expect(provider('a').requests).toHaveLength(2)
    expect(ofType(events, 'opened')).toMatchObject([{ part: 'a/m', error: { status: 500 } }])
    expect(ofType(events, 'skipped')).toHaveLength(3)
    expect(router.status()).toContainEqual({ target: 'a/m', state: 'left-out', leftOutUntilMs: 1_001_000 })
  })

  it('lets it back in when its time is over and it answers, and twice as late when it fails again', async () => {
    const { ask, provider, events, router } = routerOver({
      providers: { a: [refuses(500)], b: [says('from b')] },
      plan
    })
    await ask()
    await ask()
    vi.setSystemTime(Date.now() + 1000)
    await ask()
    expect(provider('a').requests).toHaveLength(3)
    expect(router.status()).toContainEqual({ target: 'a/m', state: 'left-out', leftOutUntilMs: Date.now() + 2000 })
    vi.setSystemTime(Date.now() + 2000)
    provider('a').next(says('from a'))
    expect((await ask()).origin.provider).toBe('a')
    expect(ofType(events, 'closed')).toEqual([{ type: 'closed', part: 'a/m' }])
    expect(router.status()).toContainEqual({ target: 'a/m', state: 'up' })
  })

  it('does not count what is wrong with the request, nor callers who go', async () => {
    const { ask, router } = routerOver({ providers: { a: [refuses(400)] }, plan })
    for (let call = 0; call < 5; call++) await failure(ask())
    const gone = routerOver({ providers: { a: [hangs] }, plan })
    for (let call = 0; call < 5; call++) {
      const caller = new AbortController()
      const asked = failure(gone.ask({ caller }))
      caller.abort()
      expect(await asked).toMatchObject({ code: 'aborted' })
    }
    expect([...router.status(), ...gone.router.status()].map(({ state }) => state)).toEqual(['up', 'up'])
  })

  it('forgets its failures when one answer has come between', async () => {
    const { ask, router, provider } = routerOver({
      providers: { a: [refuses(500), says('hello'), refuses(500), refuses(404), refuses(500)] },
      plan
    })
    for (let call = 0; call < 5; call++) await ask().catch(() => {})
    expect(provider('a').requests).toHaveLength(5)
    expect(router.status()).toEqual([{ target: 'a/m', state: 'up' }])
  })

  it('makes a request wait for the only target, when that does not take long', async () => {
    const { waits, sleep } = clock()
    const { ask, provider, events } = routerOver({
      providers: { a: [refuses(500), refuses(500), says('hello')] },
      plan,
      parts: { sleep }
    })
    await failure(ask())
    await failure(ask())
    expect((await ask()).origin.provider).toBe('a')
    expect(waits).toEqual([1000])
    expect(provider('a').requests).toHaveLength(3)
    expect(ofType(events, 'retried')).toMatchObject([{ target: 'a/m', waitMs: 1000 }])
  })

  it('passes on what the only target says when it is asked at last, whatever that is', async () => {
    const { sleep } = clock()
    const { ask } = routerOver({
      providers: { a: [refuses(500), refuses(500), saysBody({ error: 'no' })] },
      plan,
      parts: { sleep }
    })
    await failure(ask())
    await failure(ask())
    expect((await ask()).value.json).toEqual({ error: 'no' })
  })

  it('does not make it wait when an older answer is at hand, or beyond the deadline', async () => {
    const { waits, sleep } = clock()
    const { ask } = routerOver({
      providers: { a: [refuses(500)] },
      plan: { ...plan, deadlineMs: 900 },
      parts: { sleep }
    })
    await failure(ask())
    await failure(ask())
    const error = await failure(ask())
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect(error.message).toMatch(/a\/m: left out for 1000 ms more, since it answered 500/)
    await failure(ask({ spare: true }))
    expect(waits).toEqual([])
  })

  it('lets one call alone try a target that is back, while the others wait for what comes of it', async () => {
    const { ask, provider } = routerOver({ providers: { a: [refuses(500)] }, plan })
    await failure(ask())
    await failure(ask())
    vi.setSystemTime(Date.now() + 1000)
    let answer: (() => void) | undefined
    const held: Reply = async (request, context) => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return says('back')(request, context)
    }
    provider('a').next(held, says('hello'))
    const all = Promise.all([ask(), ask(), ask()])
    await vi.waitFor(() => expect(answer).toBeDefined())
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(provider('a').requests).toHaveLength(3)
    answer?.()
    await all
    expect(provider('a').requests).toHaveLength(5)
  })

  it('lets those who wait for the trial go on to their error when it fails', async () => {
    const { ask, provider } = routerOver({ providers: { a: [refuses(500)] }, plan: { ...plan, deadlineMs: 1500 } })
    await failure(ask())
    await failure(ask())
    vi.setSystemTime(Date.now() + 1000)
    const errors = await Promise.all([failure(ask()), failure(ask())])
    expect(provider('a').requests).toHaveLength(3)
    expect(errors.map((error) => error.constructor)).toEqual([ProviderError, AllProvidersFailedError])
  })

  it('is on its guard when the caller who tried a target has gone before there was an answer', async () => {
    const { ask, provider, events } = routerOver({ providers: { a: [refuses(500)], b: [says('from b')] }, plan })
    await ask()
    await ask()
    vi.setSystemTime(Date.now() + 1000)
    provider('a').next(hangs)
    const caller = new AbortController()
    const trying = failure(ask({ caller }))
    caller.abort()
    expect(await trying).toMatchObject({ code: 'aborted' })
    provider('a').next(refuses(500))
    await ask()
    await ask()
    expect(provider('a').requests).toHaveLength(4)
    expect(ofType(events, 'opened')).toHaveLength(2)
  })

  it('goes to the next target while another call tries the first', async () => {
    const { ask, provider } = routerOver({ providers: { a: [refuses(500)], b: [says('from b')] }, plan })
    await ask()
    await ask()
    vi.setSystemTime(Date.now() + 1000)
    provider('a').next(hangs)
    const caller = new AbortController()
    const trying = failure(ask({ caller }))
    expect((await ask()).origin.provider).toBe('b')
    caller.abort()
    expect(await trying).toMatchObject({ code: 'aborted' })
  })

  it('is decided by the beginning of a stream, not by its end', async () => {
    const { ask, provider, router } = routerOver({ providers: { a: [refuses(500)] }, plan })
    await failure(ask())
    await failure(ask())
    vi.setSystemTime(Date.now() + 1000)
    provider('a').next(streams([{ data: '{}' }], hangs))
    const caller = new AbortController()
    const begun = new Promise<Delta>((resolve) => {
      void failure(ask({ caller, onDelta: resolve }, requestOf({ stream: true })))
    })
    await begun
    await vi.waitFor(() => expect(router.status()).toEqual([{ target: 'a/m', state: 'up' }]))
    caller.abort()
  })
})

describe('time', () => {
  it('is over for all targets together at the deadline', async () => {
    vi.useRealTimers()
    const { ask, provider } = routerOver({ providers: { a: [hangs], b: [hangs], c: [] }, plan: { deadlineMs: 30 } })
    const error = await failure(ask())
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect(error).toMatchObject({ status: 504 })
    expect((error as AllProvidersFailedError).failures[2]?.reason).toBe(
      'not asked: the 30 ms for all targets together were over'
    )
    expect(provider('c').requests).toHaveLength(0)
  })

  it('that others have used up is not held against the one who got the rest of it', async () => {
    vi.useRealTimers()
    const { ask, router } = routerOver({
      providers: { a: [hangs], b: [hangs] },
      plan: {
        targets: [target('a', { timeoutMs: 40 }), target('b')],
        deadlineMs: 50,
        breaker: { failures: 1, leftOutMs: 60_000 }
      }
    })
    await failure(ask())
    expect(router.status()).toMatchObject([
      { target: 'b/m', state: 'up' },
      { target: 'a/m', state: 'left-out' }
    ])
  })

  it('ends the only target with an error of its own', async () => {
    vi.useRealTimers()
    const { ask } = routerOver({ providers: { a: [hangs] }, plan: { deadlineMs: 20 } })
    expect(await failure(ask())).toMatchObject({ code: 'provider-timeout', status: 504 })
  })

  it('does not run against a stream that has begun', async () => {
    vi.useRealTimers()
    let end: (() => void) | undefined
    const slow: Reply = async (request, context) => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      return says('whole')(request, context)
    }
    const { ask, provider } = routerOver({
      providers: { a: [streams([{ data: '{}' }], slow)] },
      plan: { targets: [target('a', { timeoutMs: 5 })] }
    })
    const asked = ask({ onDelta() {} }, requestOf({ stream: true }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(provider('a').contexts[0]?.caller.signal.aborted).toBe(false)
    end?.()
    expect((await asked).origin.provider).toBe('a')
  })

  it('ends at once when the caller goes, whatever is waited for', async () => {
    vi.useRealTimers()
    const caller = new AbortController()
    const { ask, provider } = routerOver({ providers: { a: [refuses(503, { 'retry-after': '4' })] } })
    const asked = failure(ask({ caller }))
    await vi.waitFor(() => expect(provider('a').requests).toHaveLength(1))
    caller.abort()
    expect(await asked).toMatchObject({ code: 'aborted' })
    const before = routerOver({ providers: { a: [] } })
    expect(await failure(before.ask({ caller }))).toMatchObject({ code: 'aborted' })
    expect(before.provider('a').requests).toHaveLength(0)
  })

  it('ends when the caller goes just as the next target is asked, after one that was too slow', async () => {
    vi.useRealTimers()
    const caller = new AbortController()
    const { ask } = routerOver({
      providers: { a: [hangs], b: [hangs] },
      plan: { targets: [target('a', { timeoutMs: 5 }), target('b')] }
    })
    const observe = (event: Event): void => {
      if (event.type === 'fell-back') caller.abort()
    }
    expect(await failure(ask({ caller, observe }))).toMatchObject({ code: 'aborted' })
  }, 5000)

  it('leaves no listener behind on a signal that outlives the request', async () => {
    const { signal } = new AbortController()
    const counted = { added: 0, removed: 0 }
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      counted.added += 1
      add(...given)
    }
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      counted.removed += 1
      remove(...given)
    }
    const { ask } = routerOver({ providers: { a: [refuses(400), says('hello')] } })
    await failure(ask({ caller: { signal } }))
    await ask({ caller: { signal } })
    expect(counted).toEqual({ added: 2, removed: 2 })
  })
})

describe('a limit of calls at the same time', () => {
  it('is kept, and those who wait are asked in turn', async () => {
    let under = 0
    let most = 0
    const counted: Reply = async (request, context) => {
      under += 1
      most = Math.max(most, under)
      await new Promise((resolve) => setImmediate(resolve))
      under -= 1
      return says('hello')(request, context)
    }
    const { ask, provider } = routerOver({ providers: { a: [counted] }, routed: { limiter: new Limiter(2) } })
    await Promise.all(Array.from({ length: 7 }, () => ask()))
    expect(most).toBe(2)
    expect(provider('a').requests).toHaveLength(7)
  })

  it('keeps no caller waiting for its turn longer than the target may take', async () => {
    vi.useRealTimers()
    const full = new Limiter(1)
    full.enter(new AbortController().signal, 0)
    const { ask, events } = routerOver({
      providers: { a: [], b: [says('from b')] },
      plan: { targets: [target('a', { timeoutMs: 10 }), target('b')] },
      limiters: { a: full }
    })
    expect((await ask()).origin.provider).toBe('b')
    expect(ofType(events, 'fell-back')).toMatchObject([{ from: 'a/m', to: 'b/m' }])
  })

  it('ends the waiting at the deadline, and when the caller goes', async () => {
    vi.useRealTimers()
    const { ask } = routerOver({
      providers: { a: [hangs] },
      routed: { limiter: new Limiter(1) },
      plan: { deadlineMs: 40 }
    })
    const first = new AbortController()
    const hanging = failure(ask({ caller: first }))
    const gone = new AbortController()
    const leaving = failure(ask({ caller: gone }))
    gone.abort()
    expect(await leaving).toMatchObject({ code: 'aborted' })
    first.abort()
    expect(await hanging).toMatchObject({ code: 'aborted' })

    const full = new Limiter(1)
    full.enter(new AbortController().signal, 0)
    const late = routerOver({ providers: { a: [] }, routed: { limiter: full }, plan: { deadlineMs: 10 } })
    const error = await failure(late.ask())
    expect(error).toMatchObject({ code: 'provider-timeout' })
    expect(error.message).toBe('a/m: 1 calls are under way, as many as are allowed, and none ended in time')
    expect(late.provider('a').requests).toHaveLength(0)
  })
})

describe('a stream', () => {
  const stream = requestOf({ stream: true })
  const told = (deltas: Delta[]) => ({ onDelta: (delta: Delta) => void deltas.push(delta) })

  it('is passed on event for event, the first of them with who says it', async () => {
    const deltas: Delta[] = []
    const { ask } = routerOver({
      providers: { a: [streams([{ data: '1', headers: { h: 'v' } }, { data: '2' }], says('12'))] }
    })
    await ask(told(deltas), stream)
    expect(deltas).toEqual([{ data: '1', headers: { h: 'v' }, provider: 'a' }, { data: '2' }])
  })

  it('that fails before its first event goes to the next target', async () => {
    const deltas: Delta[] = []
    const { ask } = routerOver({
      providers: {
        a: [streams([{ comment: true, data: 'wait' }], refuses(500))],
        b: [streams([{ data: 'b' }], says('b'))]
      },
      plan: { ...noRetry, targets: [target('a'), target('b', { isFallback: true })] }
    })
    expect((await ask(told(deltas), stream)).origin.provider).toBe('b')
    expect(deltas).toEqual([{ data: 'b', provider: 'b', fallback: true }])
  })

  it('that begins with an error goes to the next target', async () => {
    const deltas: Delta[] = []
    const broken = { event: 'error', data: '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}' }
    const { ask, events } = routerOver({
      providers: { a: [streams([broken], says(''))], b: [streams([{ data: 'b' }], says('b'))] }
    })
    await ask(told(deltas), stream)
    expect(deltas).toEqual([{ data: 'b', provider: 'b' }])
    expect(ofType(events, 'fell-back')[0]?.reason).toContain('overloaded_error')
  })

  it('that breaks off after its first event ends with its error, and nobody else is asked', async () => {
    const deltas: Delta[] = []
    const { ask, provider } = routerOver({
      providers: { a: [streams([{ data: '1' }], breaks('ECONNRESET'))], b: [] }
    })
    expect(await failure(ask(told(deltas), stream))).toMatchObject({ code: 'provider-unreachable' })
    expect(deltas).toHaveLength(1)
    expect([provider('a').requests.length, provider('b').requests.length]).toEqual([1, 0])
  })

  it('that breaks off unseen, since nobody listens, goes to the next target', async () => {
    const { ask } = routerOver({
      providers: { a: [streams([{ data: '1' }], breaks('ECONNRESET'))], b: [streams([{ data: 'b' }], says('b'))] },
      plan: noRetry
    })
    expect((await ask({}, stream)).origin.provider).toBe('b')
  })

  it('that closes in the middle does not look whole in another dialect', async () => {
    const unkept: Reply = async () => {
      throw new RepriseError('provider-malformed', 'the stream cannot be kept: incomplete')
    }
    const begun = [
      { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'c', content: [] } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'one and ' } }
    ].map((event) => ({ event: event.type, data: JSON.stringify(event) }))
    const deltas: Delta[] = []
    const { ask } = routerOver({
      providers: { a: [streams(begun, unkept)] },
      wires: { a: ['anthropic-messages'] },
      parts: { crossingBetween }
    })
    expect(await failure(ask(told(deltas), stream))).toMatchObject({ code: 'provider-malformed' })
    expect(deltas.at(-2)?.data).toContain('one and ')
    expect(JSON.parse(deltas.at(-1)?.data ?? '')).toMatchObject({ error: { code: 'provider-malformed' } })
  })

  it('that cannot be kept in the end says nothing against the target', async () => {
    const unkept: Reply = async () => {
      throw new RepriseError('provider-malformed', 'the stream cannot be kept: unknown')
    }
    const { ask, provider, router } = routerOver({
      providers: { a: [streams([{ data: '1' }], unkept)] },
      plan: { breaker: { failures: 2, leftOutMs: 1000 } }
    })
    for (let call = 0; call < 4; call++) {
      expect(await failure(ask({ onDelta() {} }, stream))).toMatchObject({ code: 'provider-malformed' })
    }
    expect(provider('a').requests).toHaveLength(4)
    expect(router.status()).toEqual([{ target: 'a/m', state: 'up' }])
  })

  it('of a single target passes its comments on at once, and its error too', async () => {
    const deltas: Delta[] = []
    const comment = { comment: true, data: 'wait', headers: { h: 'v' } } as const
    const { ask, provider } = routerOver({
      providers: { a: [streams([comment, { event: 'error', data: '{"error":{}}' }], breaks('ECONNRESET'))] }
    })
    await failure(ask(told(deltas), stream))
    expect(deltas).toEqual([
      { ...comment, provider: 'a' },
      { event: 'error', data: '{"error":{}}' }
    ])
    expect(provider('a').requests).toHaveLength(1)
  })

  it('of several targets keeps the headers that came with a comment before it', async () => {
    const deltas: Delta[] = []
    const comment = { comment: true, data: 'wait', headers: { h: 'v' } } as const
    const { ask } = routerOver({ providers: { a: [streams([comment, { data: '1' }], says('1'))], b: [] } })
    await ask(told(deltas), stream)
    expect(deltas).toEqual([{ data: '1', headers: { h: 'v' }, provider: 'a' }])
  })
})
