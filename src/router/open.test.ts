import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeContext } from '../../test/support/ask.ts'
import { AllProvidersFailedError } from '../core/all-providers-failed-error.ts'
import type { Answer } from '../core/answer.ts'
import { ProviderError } from '../core/errors.ts'
import type { Delta } from '../core/handler.ts'
import { type Fault, type SimulatedProvider, simulatedProvider } from '../testing/simulated-provider.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import type { Body } from '../wires/body.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import { createRouter } from './open.ts'
import type { Router } from './router.ts'
import type { RouteOptions, RouterOptions } from './router-options.ts'

let openai: SimulatedProvider
let anthropic: SimulatedProvider
/** Where nobody listens. */
let nowhere: string
let routers: Router[] = []

beforeAll(async () => {
  openai = await simulatedProvider()
  anthropic = await simulatedProvider()
  const gone = await simulatedProvider()
  nowhere = gone.url
  await gone.close()
})

beforeEach(() => {
  openai.reset()
  anthropic.reset()
})

afterEach(async () => {
  await Promise.all(routers.map((router) => router.close()))
  routers = []
})

afterAll(() => Promise.all([openai.close(), anthropic.close()]))

function open(routes: readonly RouteOptions[], away: ReadonlySet<string> = new Set()): Router {
  const router = createRouter(
    {
      providers: {
        openai: { url: away.has('openai') ? `${nowhere}/v1` : openai.openaiUrl, key: 'openai-key' },
        anthropic: { url: away.has('anthropic') ? nowhere : anthropic.anthropicUrl, key: 'anthropic-key' }
      },
      routes
    },
    // A wait drawn at random is no wait.
    { random: () => 0 }
  )
  routers.push(router)
  return router
}

interface Outcome {
  readonly answer?: Answer<Body>
  readonly error?: unknown
  readonly deltas: readonly Delta[]
}

async function outcomeOf(router: Router, request: WireRequest): Promise<Outcome> {
  const deltas: Delta[] = []
  const listening = request.content.stream ? { onDelta: (delta: Delta) => void deltas.push(delta) } : {}
  try {
    return { answer: await router.ask(request, makeContext(listening)), deltas }
  } catch (error) {
    return { error, deltas }
  }
}

const headers = { authorization: 'Bearer callers-own', 'x-api-key': 'callers-own', 'user-agent': 'test/1' }

function chat(stream: boolean): WireRequest {
  const body = { model: 'asked', messages: [{ role: 'user', content: 'What is a router?' }], stream }
  return { content: new WireContent(openaiChat, Buffer.from(JSON.stringify(body))), headers }
}

function messages(stream: boolean): WireRequest {
  const body = { model: 'asked', max_tokens: 500, messages: [{ role: 'user', content: 'What is a router?' }], stream }
  const own = { ...headers, 'anthropic-version': '2023-06-01' }
  return { content: new WireContent(anthropicMessages, Buffer.from(JSON.stringify(body))), headers: own }
}

/** The text of a whole answer, in the dialect of `request`, as its own wire understands it. */
function expectGood({ answer, deltas }: Outcome, { content }: WireRequest, provider: string): void {
  expect(answer?.origin.provider).toBe(provider)
  const json = answer?.value.json ?? {}
  expect(content.wire.unfit(json)).toBeUndefined()
  expect(content.wire.usage(json)?.outputTokens).toBeGreaterThan(0)
  if (!content.stream) return
  const fold = content.wire.fold(content.json)
  for (const delta of deltas) fold.add(delta)
  expect(fold.end().unfit).toBeUndefined()
  expect(deltas[0]).toMatchObject({ provider })
}

/** What goes wrong, and what the caller then gets. */
interface Case {
  readonly name: string
  /** Undefined: nobody listens there. */
  readonly fault: Fault | undefined
  /** How often the first target is asked, or tried. */
  readonly asked: number
  /** In the words of the list of all failures. */
  readonly reason: RegExp
  /** The status when both have failed. */
  readonly status: number
  /** When it is the only target: a provider's own status, or a code. */
  readonly alone: number | string
  /** In a stream it goes wrong after the caller has seen something of it. */
  readonly late?: string
}

const cases: readonly Case[] = [
  {
    name: 'refuses connections',
    fault: undefined,
    asked: 0,
    reason: /could not be reached: .*ECONNREFUSED/,
    status: 502,
    alone: 'provider-unreachable'
  },
  {
    name: 'hangs',
    fault: 'hang',
    asked: 1,
    reason: /gave no answer within 200 ms/,
    status: 504,
    alone: 'provider-timeout'
  },
  {
    name: 'is out of breath',
    fault: { status: 429, headers: { 'retry-after': '30' } },
    asked: 1,
    reason: /answered 429: /,
    status: 429,
    alone: 429
  },
  { name: 'is broken', fault: { status: 500 }, asked: 2, reason: /answered 500: /, status: 502, alone: 500 },
  {
    name: 'talks nonsense',
    fault: 'malformed',
    asked: 1,
    reason: /answered with something that is no answer/,
    status: 502,
    alone: 'malformed',
    late: 'provider-malformed'
  },
  {
    name: 'dies while it answers',
    fault: 'cut-plain',
    asked: 2,
    reason: /could not be reached/,
    status: 502,
    alone: 'provider-unreachable',
    late: 'provider-unreachable'
  }
]

const directions = [
  { first: 'openai', second: 'anthropic', request: chat },
  { first: 'anthropic', second: 'openai', request: messages }
] as const

function simulated(name: 'openai' | 'anthropic'): SimulatedProvider {
  return name === 'openai' ? openai : anthropic
}

describe.each(directions)('a request of $first’s dialect', ({ first, second, request }) => {
  type Name = 'openai' | 'anthropic'

  /** Only who hangs is in a hurry: the others have all the time that a busy machine takes. */
  const hasty = (provider: Name, hanging: ReadonlySet<Name>) => (hanging.has(provider) ? { timeoutMs: 200 } : {})

  const alone = (hanging: ReadonlySet<Name>): readonly RouteOptions[] => [
    { model: 'asked', targets: [{ provider: first, ...hasty(first, hanging) }] }
  ]
  const both = (hanging: ReadonlySet<Name> = new Set()): readonly RouteOptions[] => [
    {
      model: 'asked',
      targets: [
        { provider: first, ...hasty(first, hanging) },
        { provider: second, model: 'other', ...hasty(second, hanging) }
      ]
    }
  ]

  describe.each([false, true])('streaming: %s', (stream) => {
    it('is answered by the first when nothing goes wrong, byte for byte as it was asked', async () => {
      const asked = request(stream)
      expectGood(await outcomeOf(open(both()), asked), asked, first)
      expect(simulated(first).calls[0]?.body).toMatchObject(asked.content.json)
      expect(simulated(second).count()).toBe(0)
    })

    describe.each(cases)('when the first $name', ({ fault, asked, reason, status, alone: only, late }) => {
      const broken = stream && late !== undefined

      function openBroken(
        routesOf: (hanging: ReadonlySet<Name>) => readonly RouteOptions[],
        ...names: readonly Name[]
      ): Router {
        if (fault !== undefined) for (const name of names) simulated(name).fail({ every: fault })
        return open(routesOf(new Set(fault === 'hang' ? names : [])), new Set(fault === undefined ? names : []))
      }

      it('gets the other’s answer in its own dialect, unless something has been seen of the first’s', async () => {
        const router = openBroken(both, first)
        const sent = request(stream)
        const outcome = await outcomeOf(router, sent)
        if (broken) {
          expect(outcome.error).toMatchObject({ code: late })
          expect(outcome.deltas.length).toBeGreaterThan(0)
          expect(simulated(second).count()).toBe(0)
          return
        }
        expectGood(outcome, sent, second)
        expect(outcome.answer?.origin).toMatchObject({ fallback: true, storable: false })
        expect(simulated(first).count()).toBe(asked)
        const [call] = simulated(second).calls
        expect(call?.model).toBe('other')
        expect(JSON.stringify(call?.headers)).not.toContain('callers-own')
      })

      it('gets an error that lists both when the other does so too', async () => {
        const router = openBroken(both, first, second)
        const { error, deltas } = await outcomeOf(router, request(stream))
        if (broken) {
          expect(error).toMatchObject({ code: late })
          return
        }
        expect(error).toBeInstanceOf(AllProvidersFailedError)
        expect(error).toMatchObject({ status, ...(status === 429 ? { retryAfterMs: 30_000 } : {}) })
        const { failures } = error as AllProvidersFailedError
        expect(failures.map(({ target }) => target)).toEqual([`${first}/asked`, `${second}/other`])
        for (const failure of failures) expect(failure.reason).toMatch(reason)
        expect(deltas).toEqual([])
      })

      it('gets what it said, as it is, when there is no other', async () => {
        const router = openBroken(alone, first)
        const { error, answer, deltas } = await outcomeOf(router, request(stream))
        if (broken) {
          expect(error).toMatchObject({ code: late })
          expect(deltas.length).toBeGreaterThan(0)
        } else if (only === 'malformed') {
          expect(() => answer?.value.json).toThrow(SyntaxError)
        } else if (typeof only === 'number') {
          expect(error).toBeInstanceOf(ProviderError)
          expect(error).toMatchObject({ status: only, provider: first })
        } else {
          expect(error).toMatchObject({ code: only })
        }
      })
    })
  })
})

describe('a router', () => {
  it('wants somebody to ask', () => {
    for (const providers of [undefined, {}, []])
      expect(() => createRouter({ providers } as unknown as RouterOptions)).toThrow(
        /^providers: expected at least one, by name: \{ openai: \{ key: \.\.\. \} \}, got /
      )
  })

  it('charges budgets with what the provider’s own usage costs, and asks nobody beyond them', async () => {
    const router = createRouter({
      providers: {
        openai: { url: openai.openaiUrl, key: 'k', prices: { asked: { input: 1_000_000, output: 1_000_000 } } }
      },
      budgets: [{ name: 'all', limitUsd: 1_000_000 }]
    })
    routers.push(router)
    const { answer } = await outcomeOf(router, chat(false))
    const usage = openaiChat.usage(answer?.value.json ?? {})
    const spentUsd = (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0)
    expect(spentUsd).toBeGreaterThan(0)
    expect(answer?.origin.costUsd).toBeCloseTo(spentUsd)
    expect(await router.budgets.status()).toMatchObject([{ name: 'all', spentUsd, reservedUsd: 0 }])

    const poor = createRouter({
      providers: {
        openai: { url: openai.openaiUrl, key: 'k', prices: { '*': { input: 1_000_000, output: 1_000_000 } } }
      },
      budgets: [{ name: 'all', limitUsd: 1 }]
    })
    routers.push(poor)
    const before = openai.count()
    expect((await outcomeOf(poor, chat(false))).error).toMatchObject({ code: 'over-budget', status: 429 })
    expect(openai.count()).toBe(before)
  })

  it('prices an answer by the name it was asked under, where only that has a price', async () => {
    const router = createRouter({
      providers: { local: { url: openai.openaiUrl, key: 'k', prices: { 'asked*': { input: 0, output: 1 } } } }
    })
    routers.push(router)
    const { answer } = await outcomeOf(router, chat(false))
    expect(answer?.origin.costUsd).toBeGreaterThan(0)
  })

  it('passes on what the provider says each time where a model has no route, whenever it wants to be asked again', async () => {
    openai.fail({ every: { status: 503, headers: { 'retry-after': '30' } } })
    const router = open([])
    for (let asked = 1; asked <= 3; asked++) {
      const { error } = await outcomeOf(router, chat(false))
      expect(error).toBeInstanceOf(ProviderError)
      expect(openai.count()).toBe(asked)
    }
  })

  it('leaves a route’s target out although its model has been asked for without a route before', async () => {
    openai.fail({ every: { status: 500 } })
    const breaker = { failures: 1, leftOutMs: 60_000 }
    const router = open([{ model: 'small', targets: ['openai/asked'], retry: { attempts: 0 }, breaker }])
    const small = { content: chat(false).content.withModel('small'), headers }
    await outcomeOf(router, chat(false))
    await outcomeOf(router, small)
    const { error } = await outcomeOf(router, small)
    expect(error).toBeInstanceOf(AllProvidersFailedError)
    expect(openai.count()).toBe(2)
    expect(router.status()).toMatchObject([{ target: 'openai/asked', state: 'left-out' }])
  })

  it('remembers no model with an endless name', async () => {
    const router = open([{ model: '*', targets: ['openai'] }])
    const endless = { content: chat(false).content.withModel('m'.repeat(1000)), headers }
    expect((await outcomeOf(router, endless)).answer).toBeDefined()
    expect(router.status()).toEqual([])
  })

  it('does without the usage of a stream in another dialect, too, where the provider refuses to tell it', async () => {
    openai.fail({ status: 400, body: { error: { message: 'Unknown parameter: stream_options' } } })
    const router = open([{ model: '*', targets: ['openai/gpt'] }])
    const { answer } = await outcomeOf(router, messages(true))
    expect(anthropicMessages.unfit(answer?.value.json ?? {})).toBeUndefined()
    expect(openai.calls.map(({ body }) => body?.['stream_options'])).toEqual([{ include_usage: true }, undefined])
  })

  it('holds nothing against a provider whose caller stumbles over what it is told', async () => {
    const router = open([{ model: '*', targets: ['openai'], breaker: { failures: 1 } }])
    const onDelta = (): never => {
      throw new Error('stumbled')
    }
    await expect(router.ask(chat(true), makeContext({ onDelta }))).rejects.toThrow('stumbled')
    expect(router.status()).toEqual([{ target: 'openai/asked', state: 'up' }])
    expect(openai.count()).toBe(1)
  })

  it('goes on asking for the usage of streams when it was not that which was refused', async () => {
    const router = open([])
    const refusal = {
      status: 400,
      body: { error: { message: "Invalid value: 'stream_options' is no response format" } }
    }
    openai.fail(refusal, refusal)
    expect((await outcomeOf(router, chat(true))).error).toMatchObject({ status: 400 })
    await outcomeOf(router, chat(true))
    const asked = openai.calls.map(({ body }) => body?.['stream_options'])
    expect(asked).toEqual([{ include_usage: true }, undefined, { include_usage: true }])
  })

  it('never gives a caller the nonsense of a dialect that it does not speak for an answer', async () => {
    for (const stream of [false, true]) {
      anthropic.fail({ status: 200, body: { type: 'error', error: { type: 'overloaded_error', message: 'busy' } } })
      const router = open([{ model: '*', targets: ['anthropic/claude'] }])
      const { error } = await outcomeOf(router, chat(stream))
      expect(error).toMatchObject({ code: 'provider-malformed' })
    }
  })

  it('keeps to the limit of calls at the same time', async () => {
    let under = 0
    let most = 0
    const slow = await simulatedProvider({
      async answer() {
        under += 1
        most = Math.max(most, under)
        await new Promise((resolve) => setTimeout(resolve, 5))
        under -= 1
        return { text: 'done' }
      }
    })
    try {
      const router = createRouter({ providers: { slow: { url: slow.openaiUrl, key: 'k', concurrency: 2 } } })
      routers.push(router)
      const answers = await Promise.all([1, 2, 3, 4].map(() => outcomeOf(router, chat(false))))
      expect(answers.map(({ answer }) => answer?.origin.provider)).toEqual(['slow', 'slow', 'slow', 'slow'])
      expect(most).toBe(2)
    } finally {
      await slow.close()
    }
  })

  it('ends the provider’s work when the caller goes', async () => {
    openai.fail('hang')
    const caller = new AbortController()
    const asked = open([]).ask(chat(false), makeContext({ caller }))
    const gone = expect(asked).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => openai.count()).toBe(1)
    caller.abort()
    await gone
    await expect.poll(() => openai.calls[0]?.outcome).not.toBe('pending')
  })

  it('says what is wrong with its options', () => {
    const provider = { url: 'http://127.0.0.1:1', key: 'k' }
    expect(() => createRouter({ providers: { a: { ...provider, concurrency: 0 } } })).toThrow(
      'a: concurrency: expected a whole number from 1 on, got 0; leave it out for no limit'
    )
    expect(() => createRouter({ providers: { a: provider }, routes: [{ model: '*', targets: ['b'] }] })).toThrow(/b/)
  })
})
