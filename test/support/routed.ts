import type { Answer } from '../../src/core/answer.ts'
import { ProviderError, RepriseError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { Context, Delta } from '../../src/core/handler.ts'
import type { Headers } from '../../src/core/headers.ts'
import type { Json } from '../../src/core/json.ts'
import type { Provider } from '../../src/providers/provider.ts'
import type { RoutedProvider } from '../../src/router/attempt.ts'
import type { Budgets, Charged } from '../../src/router/budget.ts'
import type { Limiter } from '../../src/router/limiter.ts'
import type { Plan, PlannedTarget } from '../../src/router/plan.ts'
import type { Router } from '../../src/router/router.ts'
import { type RoutingParts, routing } from '../../src/router/routing.ts'
import { Body } from '../../src/wires/body.ts'
import { openaiChat } from '../../src/wires/openai-chat.ts'
import type { Wire } from '../../src/wires/wire.ts'
import { WireContent, type WireRequest } from '../../src/wires/wire-request.ts'
import { makeContext } from './ask.ts'

/** What a provider of a test does when it is asked. */
export type Reply = (request: WireRequest, context: Context) => Promise<Answer<Body>>

export type FakeProvider = Provider & {
  readonly requests: readonly WireRequest[]
  readonly contexts: readonly Context[]
  /** What it does next; the last one it does from then on. */
  next(...replies: readonly Reply[]): void
}

/** A provider that does what it is told. */
export function fakeProvider(name: string, replies: readonly Reply[], wires: readonly string[]): FakeProvider {
  const requests: WireRequest[] = []
  const contexts: Context[] = []
  let left = [...replies]
  return {
    name,
    baseUrl: `https://${name}.example`,
    pricesOf: name,
    wires,
    requests,
    contexts,
    next(...more) {
      left = [...more]
    },
    ask(request, context) {
      requests.push(request)
      contexts.push(context)
      const reply = left.length > 1 ? left.shift() : left[0]
      return reply === undefined ? says('hello')(request, context) : reply(request, context)
    },
    forward: () => Promise.reject(new Error('not there')),
    withCredential: (headers) => headers,
    urlOf: (path) => `https://${name}.example${path}`,
    close: () => Promise.resolve()
  }
}

const usage = { inputTokens: 10, outputTokens: 5 }

/** A good answer. */
export function says(content: string): Reply {
  return async () =>
    answerOf({
      model: 'said',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
    })
}

/** An answer with this body, whatever it is. */
export function saysBody(json: Json): Reply {
  return async () => answerOf(json)
}

function answerOf(json: Json): Answer<Body> {
  const headers = { 'content-type': 'application/json', 'x-request-id': 'r-1', 'openai-version': '1' }
  const value = Body.fromBytes(Buffer.from(JSON.stringify(json)))
  return {
    value,
    origin: { layer: 'provider', provider: 'as the provider calls itself', usage, headers, model: 'said' }
  }
}

export function refuses(status: number, headers: Headers = {}): Reply {
  return async () => {
    const body = Buffer.from(JSON.stringify({ error: { message: `status ${status}`, type: 'some_error' } }))
    throw new ProviderError('fake', status, headers, body)
  }
}

/** The connection is refused, or breaks off. */
export function breaks(code: 'ECONNREFUSED' | 'ECONNRESET'): Reply {
  return async () => {
    throw new RepriseError('provider-unreachable', 'fake could not be reached', {
      cause: Object.assign(new Error(`connect ${code}`), { code })
    })
  }
}

/** Never answers. */
export const hangs: Reply = (_request, { caller: { signal } }) =>
  new Promise((_resolve, reject) => {
    const gone = (): void => reject(new RepriseError('aborted', 'the caller has gone', { cause: signal.reason }))
    if (signal.aborted) gone()
    signal.addEventListener('abort', gone)
  })

/** Streams these events, and then does something else. */
export function streams(deltas: readonly Delta[], then: Reply): Reply {
  return async (request, context) => {
    for (const delta of deltas) context.onDelta?.(delta)
    return then(request, context)
  }
}

export function requestOf(json: Json = {}, wire: Wire = openaiChat, headers: Record<string, string> = {}): WireRequest {
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...(json as object) }
  return { content: new WireContent(wire, Buffer.from(JSON.stringify(body))), headers }
}

export function target(provider: string, own: Partial<PlannedTarget> = {}): PlannedTarget {
  return { provider, model: 'm', isFallback: false, timeoutMs: undefined, ...own }
}

export const noBudgets: Budgets = {
  isEmpty: true,
  countIn() {},
  reserve: () => Promise.reject(new Error('nobody should ask')),
  status: async () => []
}

/** Budgets that allow what `allow` allows, and note what was set aside and settled. */
export function notedBudgets(allow: (call: Charged, estimateUsd: number | undefined) => void = () => {}): Budgets & {
  readonly log: readonly unknown[]
} {
  const log: unknown[] = []
  return {
    ...noBudgets,
    isEmpty: false,
    log,
    async reserve(call, estimateUsd) {
      allow(call, estimateUsd)
      log.push(['reserve', call.model, estimateUsd])
      return {
        async settle(costUsd) {
          log.push(['settle', costUsd])
        }
      }
    }
  }
}

export interface Setting {
  readonly providers: Readonly<Record<string, readonly Reply[]>>
  readonly plan?: Partial<Plan>
  readonly routed?: Partial<RoutedProvider>
  readonly limiters?: Readonly<Record<string, Limiter>>
  readonly parts?: Partial<RoutingParts>
  readonly wires?: Readonly<Record<string, readonly string[]>>
}

/** A router over providers of a test; all in the plan's order, unless it says otherwise. */
export function routerOver({ providers, plan = {}, routed = {}, limiters = {}, parts = {}, wires = {} }: Setting): {
  readonly router: Router
  readonly provider: (name: string) => FakeProvider
  readonly ask: (own?: Partial<Context>, request?: WireRequest) => Promise<Answer<Body>>
  readonly events: readonly Event[]
} {
  const fakes = new Map(
    Object.entries(providers).map(([name, replies]) => [
      name,
      fakeProvider(name, replies, wires[name] ?? ['openai-chat'])
    ])
  )
  const made: Plan = {
    model: 'm',
    targets: Object.keys(providers).map((name) => target(name)),
    address: 'somewhere',
    retry: { attempts: 1, onStatusCodes: [408, 409, 425, 429, 500, 502, 503, 504], maxWaitMs: 5000 },
    fallsBackOn: (status) => [401, 403, 404, 408, 409, 425, 429].includes(status) || status >= 500,
    deadlineMs: 600_000,
    breaker: { failures: 5, leftOutMs: 1000 },
    storeFallbacks: false,
    ...plan
  }
  const context = makeContext()
  const router = routing({
    planner: { planOf: () => made, addressOf: () => made.address, wayOf: () => '' },
    providers: new Map(
      Array.from(fakes, ([name, provider]) => [
        name,
        { priceOf: () => 0.5, limiter: limiters[name], passesCredential: false, ...routed, provider }
      ])
    ),
    readsTags: false,
    budgets: noBudgets,
    estimator: { expect: () => usage, modestly: () => undefined, learn() {} },
    crossingBetween: () => undefined,
    ...parts
  })
  return {
    router,
    provider(name) {
      const fake = fakes.get(name)
      if (fake === undefined) throw new Error(`no provider ${name}`)
      return fake
    },
    ask: (own = {}, request = requestOf()) =>
      router.ask(request, { ...context, caller: new AbortController(), ...own }),
    events: context.events
  }
}
