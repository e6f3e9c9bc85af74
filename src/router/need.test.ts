import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { refuses, routerOver, type Setting, says } from '../../test/support/routed.ts'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
})

const noRetry = { retry: { attempts: 0, onStatusCodes: [], maxWaitMs: 5000 } }
const breaker = { failures: 1, leftOutMs: 1000 }

interface Outage extends Omit<ReturnType<typeof routerOver>, 'ask'> {
  /** What a call comes to: who has answered, or its error. */
  ask(): Promise<unknown>
  readonly waits: number[]
}

/** All have failed for so long that they are left out for 16 s, and nobody has asked them for the last second. */
async function outage(providers: Setting['providers'], plan: Setting['plan'] = {}): Promise<Outage> {
  const waits: number[] = []
  const made = routerOver({
    providers,
    plan: { ...noRetry, breaker, ...plan },
    parts: {
      // Time passes when somebody waits for it, once nothing else is left to be done.
      async sleep(ms, signal) {
        await new Promise((resolve) => setImmediate(resolve))
        signal.throwIfAborted()
        waits.push(ms)
        vi.setSystemTime(Date.now() + ms)
      }
    }
  })
  const ask = (): Promise<unknown> =>
    made.ask().then(
      ({ origin }) => origin.provider,
      (error: unknown) => error
    )
  for (const breakMs of [1000, 2000, 4000, 8000]) {
    await ask()
    vi.setSystemTime(Date.now() + breakMs)
  }
  await ask()
  for (const { leftOutUntilMs = 0 } of made.router.status())
    expect(leftOutUntilMs).toBeGreaterThanOrEqual(Date.now() + 14_000)
  vi.setSystemTime(Date.now() + 1000)
  waits.length = 0
  return { ...made, ask, waits }
}

describe('a target that is left out for longer than anybody waits', () => {
  it('is tried at once by one who has nobody else to ask', async () => {
    const { ask, provider, router, waits } = await outage({ a: [refuses(500)], b: [refuses(500)] })
    provider('b').next(says('back'))
    expect(await ask()).toBe('b')
    expect(waits).toEqual([])
    expect(router.status()).toContainEqual({ target: 'b/m', state: 'up' })
    expect(await ask()).toBe('b')
  })

  it('is not tried when another can be asked', async () => {
    const { ask, provider } = await outage({ a: [refuses(500)], b: [refuses(500)] })
    provider('b').next(says('back'))
    await ask()
    const before = provider('a').requests.length
    for (let call = 0; call < 5; call++) {
      expect(await ask()).toBe('b')
      vi.setSystemTime(Date.now() + 1000)
    }
    expect(provider('a').requests).toHaveLength(before)
  })

  it('is tried by one call alone, and not again before a second is over, however many need it', async () => {
    const { ask, provider } = await outage({ a: [refuses(500)] })
    const before = provider('a').requests.length
    const errors = await Promise.all([ask(), ask(), ask(), ask()])
    expect(provider('a').requests).toHaveLength(before + 1)
    for (const error of errors) expect(error).toBeInstanceOf(Error)
  })

  it('keeps nobody waiting once it has been tried', async () => {
    const { ask, provider, waits } = await outage({ a: [refuses(500)], b: [refuses(500)] })
    expect(await ask()).toBeInstanceOf(AllProvidersFailedError)
    expect(waits).toEqual([])
    vi.setSystemTime(Date.now() + 400)
    const before = provider('a').requests.length
    expect(await ask()).toBeInstanceOf(AllProvidersFailedError)
    // For the trial that nobody could make yet, and for none after it.
    expect(waits).toEqual([600])
    expect(provider('a').requests).toHaveLength(before + 1)
  })

  it('is not left out for longer because it was tried in vain', async () => {
    const { ask, provider, router } = await outage({ a: [refuses(500)] })
    const before = [provider('a').requests.length, router.status()] as const
    for (let call = 0; call < 10; call++) {
      await ask()
      vi.setSystemTime(Date.now() + 1000)
    }
    expect([provider('a').requests.length, router.status()]).toEqual([before[0] + 10, before[1]])
  })

  it('is not given up before it has been tried as often as its route retries', async () => {
    const retry = { ...noRetry.retry, attempts: 1 }
    const { ask, provider, waits } = await outage({ a: [refuses(500)] }, { retry })
    provider('a').next(refuses(500), says('back'))
    const [one, other] = await Promise.all([ask(), ask()])
    expect(one).toBeInstanceOf(Error)
    expect(other).toBe('a')
    expect(waits).toContain(1000)
  })

  it('is left alone for as long as it has asked for', async () => {
    const later = refuses(429, { 'retry-after': '40' })
    const { ask, provider } = await outage({ a: [refuses(500)] })
    provider('a').next(later, says('back'))
    await ask()
    vi.setSystemTime(Date.now() + 30_000)
    expect(await ask()).toBeInstanceOf(AllProvidersFailedError)
    vi.setSystemTime(Date.now() + 10_000)
    expect(await ask()).toBe('a')
  })
})
