import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { anthropicMessages } from '../wires/anthropic-messages.ts'
import { openaiChat } from '../wires/openai-chat.ts'
import { openaiResponses } from '../wires/openai-responses.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent } from '../wires/wire-request.ts'
import { type Plan, type PlannedProvider, type Planner, planner } from './plan.ts'
import type { RouteOptions } from './router-options.ts'

const providers = new Map(
  [
    { name: 'openai', baseUrl: 'https://api.openai.com/v1', wires: ['openai-chat', 'openai-responses'] },
    { name: 'anthropic', baseUrl: 'https://api.anthropic.com/v1', wires: ['anthropic-messages'] },
    { name: 'openrouter', baseUrl: 'https://openrouter.ai/api/v1', wires: ['openai-chat'] }
  ].map((provider): [string, PlannedProvider] => [provider.name, provider])
)
const nobody = { tags: [] }

function chat(model: string, more: JsonObject = {}): WireContent {
  return contentOf(openaiChat, { model, messages: [{ role: 'user', content: 'Hello' }], ...more })
}

function contentOf(wire: Wire, body: JsonObject): WireContent {
  return new WireContent(wire, Buffer.from(JSON.stringify(body)))
}

function plannerOf(...routes: readonly RouteOptions[]): Planner {
  return planner({ routes }, providers)
}

function planOf(
  route: RouteOptions,
  content = chat('gpt-4o'),
  context: Parameters<Planner['planOf']>[1] = nobody
): Plan {
  return plannerOf(route).planOf(content, context)
}

function namesOf({ targets }: Plan): readonly string[] {
  return targets.map(({ provider, model }) => `${provider}/${model}`)
}

/** Numbers in [0, 1) that are the same each time (the generator mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('a plan', () => {
  it('asks the targets in the order they are listed, the caller’s model where they name none', () => {
    const plan = planOf({
      model: 'gpt-4o',
      targets: ['openai', 'openrouter/openai/gpt-4o', 'anthropic/claude-opus-4-5']
    })
    expect(plan).toMatchObject({
      model: 'gpt-4o',
      targets: [
        { provider: 'openai', model: 'gpt-4o', isFallback: false },
        { provider: 'openrouter', model: 'openai/gpt-4o', isFallback: true },
        { provider: 'anthropic', model: 'claude-opus-4-5', isFallback: true }
      ],
      address: 'https://api.openai.com/v1'
    })
  })

  it('takes what follows the first slash for the model, further slashes included', () => {
    expect(namesOf(planOf({ model: '*', targets: ['openrouter/meta-llama/llama-3'] }))).toEqual([
      'openrouter/meta-llama/llama-3'
    ])
  })

  it('has the documented rules where the route says nothing', () => {
    const plan = planOf({ model: '*', targets: ['openai'] })
    expect(plan.retry).toMatchObject({ attempts: 1, maxWaitMs: 5000 })
    expect(plan.retry.onStatusCodes).toEqual(expect.arrayContaining([408, 409, 425, 429, 500, 503, 529, 599]))
    expect([400, 401, 403, 404, 422].filter((status) => plan.retry.onStatusCodes.includes(status))).toEqual([])
    expect([401, 403, 404, 408, 409, 425, 429, 500, 529, 599, 600].filter(plan.fallsBackOn)).toHaveLength(11)
    expect([400, 402, 405, 413, 422].filter(plan.fallsBackOn)).toEqual([])
    expect(plan).toMatchObject({
      deadlineMs: 600_000,
      breaker: { failures: 5, leftOutMs: 1000 },
      storeFallbacks: false
    })
  })

  it('has the rules of its route', () => {
    const plan = planOf({
      model: '*',
      targets: [{ provider: 'openai', timeoutMs: 50 }],
      retry: { attempts: 3, onStatusCodes: [500], maxWaitMs: 0 },
      fallbackOn: [400],
      deadlineMs: 1000,
      breaker: { failures: 1, leftOutMs: 10 },
      storeFallbacks: true
    })
    expect(plan).toMatchObject({
      targets: [{ timeoutMs: 50 }],
      retry: { attempts: 3, onStatusCodes: [500], maxWaitMs: 0 },
      deadlineMs: 1000,
      breaker: { failures: 1, leftOutMs: 10 },
      storeFallbacks: true
    })
    expect([400, 429, 500, 600].filter(plan.fallsBackOn)).toEqual([400])
  })

  it('follows the first route that fits', () => {
    const routes = plannerOf(
      { model: 'gpt-4o', targets: ['openai/first'] },
      { model: ['o3', 'gpt-4*'], targets: ['openai/second'] },
      { model: '*', targets: ['openai/third'] }
    )
    const models = ['gpt-4o', 'gpt-4o-mini', 'o3', 'o4']
    const asked = models.map((model) => routes.planOf(chat(model), nobody).targets[0]?.model)
    expect(asked).toEqual(['first', 'second', 'second', 'third'])
  })

  it('has only targets whose condition holds', () => {
    const route: RouteOptions = {
      model: '*',
      targets: [
        { provider: 'openai', model: 'small', when: { tags: 'batch' } },
        { provider: 'openai', model: 'large', when: { tenant: 'acme', 'params.temperature': { $lt: 1 } } },
        { provider: 'anthropic', model: 'other', when: { dialect: 'anthropic' } },
        { provider: 'openrouter', model: 'streamed', when: { stream: true, wire: 'openai-chat', model: 'gpt-4o' } }
      ]
    }
    const planned = (content: WireContent, tags: readonly string[], tenant?: string): readonly string[] =>
      namesOf(planOf(route, content, tenant === undefined ? { tags } : { tags, tenant }))
    expect(planned(chat('gpt-4o', { stream: true }), ['batch'])).toEqual(['openai/small', 'openrouter/streamed'])
    expect(planned(chat('gpt-4o', { temperature: 0 }), [], 'acme')).toEqual(['openai/large'])
    const message = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] }
    expect(planned(contentOf(anthropicMessages, message), [])).toEqual(['anthropic/other'])
  })

  it('is refused when no condition holds', () => {
    const ask = (): Plan => planOf({ model: 'gpt-4o*', targets: [{ provider: 'openai', when: { stream: true } }] })
    expect(ask).toThrow(expect.objectContaining({ code: 'no-suitable-target' }))
    expect(ask).toThrow(
      'routes[0] (gpt-4o*) has no target for this request: none of the conditions (when) of openai holds'
    )
  })

  it('counts as fallbacks what differs from the models that come first for this request', () => {
    const route: RouteOptions = {
      model: 'gpt-4o',
      targets: [
        { provider: 'openai', model: 'a', order: 1, when: { stream: true } },
        { provider: 'openai', model: 'b', order: 1, weight: 0 },
        { provider: 'openrouter', model: 'a', order: 2 },
        { provider: 'openrouter', model: 'b', order: 3 }
      ]
    }
    const fallbacks = (content: WireContent): readonly boolean[] =>
      planOf(route, content).targets.map(({ isFallback }) => isFallback)
    expect(fallbacks(chat('gpt-4o', { stream: true }))).toEqual([false, false, false, false])
    expect(fallbacks(chat('gpt-4o'))).toEqual([false, true, false])
  })

  it('names the first provider of a request’s wire where no route fits, to be asked once', () => {
    const without = plannerOf({ model: 'other', targets: ['anthropic'] })
    const message = { model: 'gpt-4o', max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] }
    for (const [content, provider] of [
      [chat('gpt-4o'), 'openai'],
      [contentOf(anthropicMessages, message), 'anthropic'],
      [contentOf(openaiResponses, { model: 'gpt-4o', input: 'Hello' }), 'openai']
    ] as const) {
      const plan = without.planOf(content, nobody)
      expect(plan).toMatchObject({
        targets: [{ provider, model: 'gpt-4o', isFallback: false }],
        address: providers.get(provider)?.baseUrl,
        retry: { attempts: 0 }
      })
      expect(plan.targets).toHaveLength(1)
      expect([401, 429, 500, 503].filter(plan.fallsBackOn)).toEqual([])
    }
  })

  it('is refused where no route fits and nobody speaks the wire', () => {
    const ask = (): Plan =>
      planner({}, new Map([...providers].slice(1))).planOf(
        contentOf(openaiResponses, { model: 'o3', input: '' }),
        nobody
      )
    expect(ask).toThrow(expect.objectContaining({ code: 'no-suitable-target' }))
    expect(ask).toThrow(
      'no route fits the model "o3", and no provider speaks openai-responses: anthropic speaks anthropic-messages; openrouter speaks openai-chat'
    )
    const content = chat('gpt-4o')
    expect(() => planner({}, new Map()).addressOf(content, nobody)).toThrow(
      'no provider speaks openai-chat: there are none'
    )
  })

  it('has an address that names the model where another is asked for', () => {
    const target = { provider: 'openrouter', model: 'gpt-4o' }
    expect(planOf({ model: '*', targets: [target, 'openai'] }).address).toBe('https://openrouter.ai/api/v1')
    expect(planOf({ model: '*', targets: [target] }, chat('best')).address).toBe('https://openrouter.ai/api/v1 gpt-4o')
  })

  it('is the same object for the same model where there is nothing to decide, and for no other', () => {
    const routes = plannerOf({ model: 'gpt*', targets: ['openai', 'openrouter'] })
    const plan = routes.planOf(chat('gpt-4o'), nobody)
    expect(routes.planOf(chat('gpt-4o', { temperature: 1 }), { tags: ['a'], tenant: 'b' })).toBe(plan)
    expect(routes.planOf(chat('gpt-5'), nobody).targets[0]?.model).toBe('gpt-5')
    expect(routes.planOf(chat('other'), nobody)).toBe(routes.planOf(chat('other'), nobody))
  })

  it('has no model where the caller named none', () => {
    const plan = plannerOf({ model: '*', targets: ['openai', 'openai/gpt-4o'] }).planOf(
      contentOf(openaiResponses, { prompt: { id: 'p' } }),
      nobody
    )
    expect(plan.targets.map(({ model }) => model)).toEqual(['', 'gpt-4o'])
  })

  it('serves a model whose name is too long to be remembered', () => {
    const model = 'm'.repeat(1000)
    expect(plannerOf({ model: 'm*', targets: ['openai'] }).planOf(chat(model), nobody).targets[0]?.model).toBe(model)
  })
})

describe('the draw', () => {
  const weighted = fc.record({
    weight: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 })),
    order: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    isThere: fc.boolean()
  })

  function routeOf(all: readonly { weight: number; order: number | undefined; isThere: boolean }[]): RouteOptions {
    return {
      model: '*',
      strategy: 'loadbalance',
      targets: all.map(({ weight, order, isThere }, index) => ({
        provider: index % 2 === 0 ? 'openai' : 'openrouter',
        model: `m${index}`,
        weight,
        when: { stream: !isThere },
        ...(order === undefined ? {} : { order })
      }))
    }
  }

  it('has every eligible target once, in its order, and those without weight last in it', () => {
    fc.assert(
      fc.property(fc.array(weighted, { minLength: 1, maxLength: 8 }), fc.integer(), (all, seed) => {
        fc.pre(all.some(({ isThere }) => isThere))
        const plan = planner({ routes: [routeOf(all)] }, providers, numbersFrom(seed)).planOf(chat('x'), nobody)
        const indexes = plan.targets.map(({ model }) => Number(model.slice(1)))
        const there = all.flatMap(({ isThere }, index) => (isThere ? [index] : []))
        expect([...indexes].sort((one, other) => one - other)).toEqual(there)
        const places = indexes.map((index) => {
          const { weight, order = 0 } = all[index] ?? { weight: 0 }
          return order * 2 + (weight === 0 ? 1 : 0)
        })
        expect(places).toEqual([...places].sort((one, other) => one - other))
      })
    )
  })

  it('has no say in the address', () => {
    fc.assert(
      fc.property(fc.array(weighted, { minLength: 1, maxLength: 8 }), fc.integer(), fc.integer(), (all, one, other) => {
        fc.pre(all.some(({ isThere }) => isThere))
        const plans = [one, other].map((seed) => planner({ routes: [routeOf(all)] }, providers, numbersFrom(seed)))
        const addresses = plans.flatMap((each) => [
          each.planOf(chat('x'), nobody).address,
          each.addressOf(chat('x'), nobody)
        ])
        expect(new Set(addresses).size).toBe(1)
        const eligible = all.flatMap(({ isThere, order = 0 }, index) => (isThere ? [{ index, order }] : []))
        const lowest = Math.min(...eligible.map(({ order }) => order))
        expect(addresses[0]).toMatch(new RegExp(` m${eligible.find(({ order }) => order === lowest)?.index}$`))
      })
    )
  })

  it('does not draw lots for the address', () => {
    const lots = (): number => {
      throw new Error('drawn')
    }
    const routes: RouteOptions[] = [{ model: '*', strategy: 'loadbalance', targets: ['openai', 'openrouter'] }]
    const drawing = planner({ routes }, providers, lots)
    expect(drawing.addressOf(chat('x'), nobody)).toBe('https://api.openai.com/v1')
    expect(() => drawing.planOf(chat('x'), nobody)).toThrow('drawn')
  })

  it('respects the weights, for the first and for those after it', () => {
    const weights = [5, 3, 2]
    const targets = weights.map((weight, index) => ({ provider: 'openai', model: `m${index}`, weight }))
    const drawing = planner({ routes: [{ model: '*', strategy: 'loadbalance', targets }] }, providers, numbersFrom(7))
    const counts = new Map<string, number>()
    const rounds = 20_000
    for (let round = 0; round < rounds; round++) {
      const order = namesOf(drawing.planOf(chat('x'), nobody))
        .join(' ')
        .replaceAll('openai/m', '')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    for (const [order, count] of counts) {
      const [first = 0, second = 0] = order.split(' ').map((index) => weights[Number(index)] ?? 0)
      expect(Math.abs(count / rounds - (first / 10) * (second / (10 - first)))).toBeLessThan(0.012)
    }
    expect(counts.size).toBe(6)
  })

  it('gives everyone a place whatever the generator says', () => {
    const routes: RouteOptions[] = [
      { model: '*', strategy: 'loadbalance', targets: ['openai', 'openrouter', 'anthropic'] }
    ]
    for (const lot of [0, 0.5, 1, Number.NaN]) {
      const plan = planner({ routes }, providers, () => lot).planOf(chat('x'), nobody)
      expect(plan.targets.map(({ provider }) => provider).sort()).toEqual(['anthropic', 'openai', 'openrouter'])
    }
  })
})

describe('a route is refused', () => {
  const usual: RouteOptions = { model: 'gpt-4o*', targets: ['openai'] }

  it.each<[RouteOptions, string]>([
    [
      { ...usual, targets: ['openia/gpt-4o'] },
      'routes[0] (gpt-4o*).targets[0]: expected the name of a provider (there are openai, anthropic, openrouter), got "openia"'
    ],
    [{ ...usual, targets: [] }, 'routes[0] (gpt-4o*).targets: expected a list of at least one provider to ask, got []'],
    [{ ...usual, targets: ['openai/'] }, 'routes[0] (gpt-4o*).targets[0].model: expected the name of a model, got ""'],
    [
      { ...usual, targets: ['openai', { provider: 'openai', weight: -1 }] },
      'routes[0] (gpt-4o*).targets[1].weight: expected a number of at least 0, got -1'
    ],
    [
      { ...usual, targets: [{ provider: 'openai', order: Number.NaN }] },
      'routes[0] (gpt-4o*).targets[0].order: expected a number, got NaN'
    ],
    [
      { ...usual, targets: [{ provider: 'openai', timeoutMs: 0 }] },
      'routes[0] (gpt-4o*).targets[0].timeoutMs: expected milliseconds from 1 to 2147483647, got 0'
    ],
    [
      { ...usual, targets: [{ provider: 'openai', when: { $where: 1 } }] },
      'routes[0] (gpt-4o*).targets[0].when.$where: expected $and, $or, $nor, $not'
    ],
    [
      { ...usual, targets: [{ provider: 'openai', ...{ wieght: 1 } }] },
      'routes[0] (gpt-4o*).targets[0]: expected fields among provider, model, weight, order, when, timeoutMs, got "wieght"'
    ],
    [{ ...usual, model: [] }, 'routes[0].model: expected the name of a model, a pattern, or a list of these, got []'],
    [
      { ...usual, model: ['a', ''] },
      'routes[0].model: expected the name of a model, a pattern, or a list of these, got ""'
    ],
    [
      { ...usual, deadlineMs: Number.POSITIVE_INFINITY },
      'routes[0] (gpt-4o*).deadlineMs: expected milliseconds from 1'
    ],
    [
      { ...usual, fallbackOn: [503, 200] },
      'routes[0] (gpt-4o*).fallbackOn: expected a list of statuses from 400 to 599, got 200'
    ],
    [
      { ...usual, retry: { attempts: 1.5 } },
      'routes[0] (gpt-4o*).retry.attempts: expected a whole number of at least 0, got 1.5'
    ],
    [{ ...usual, retry: { maxWaitMs: -1 } }, 'routes[0] (gpt-4o*).retry.maxWaitMs: expected milliseconds from 0'],
    [
      { ...usual, retry: { onStatusCodes: [99] } },
      'routes[0] (gpt-4o*).retry.onStatusCodes: expected a list of statuses'
    ],
    [
      { ...usual, breaker: { failures: 0 } },
      'routes[0] (gpt-4o*).breaker.failures: expected a whole number of at least 1, got 0'
    ],
    [{ ...usual, breaker: { leftOutMs: 0 } }, 'routes[0] (gpt-4o*).breaker.leftOutMs: expected milliseconds from 1'],
    [
      { ...usual, ...{ strategy: 'random' } } as unknown as RouteOptions,
      'routes[0] (gpt-4o*).strategy: expected fallback or loadbalance, got "random"'
    ],
    [
      { ...usual, ...{ storeFallbacks: 'yes' } } as unknown as RouteOptions,
      'routes[0] (gpt-4o*).storeFallbacks: expected true or false, got "yes"'
    ],
    [{ ...usual, ...{ target: 'openai' } }, 'routes[0]: expected fields among model, targets, strategy']
  ])('%#: %j', (route, message) => {
    expect(() => plannerOf(route)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    expect(() => plannerOf(route)).toThrow(message)
  })

  it('when an earlier one has the same patterns, and both are named', () => {
    expect(() =>
      plannerOf(usual, { model: 'o3', targets: ['openai'] }, { ...usual, model: ['gpt-4o**', 'o3'] })
    ).toThrow('routes[2] (gpt-4o**, o3) can never fit, because routes[0] (gpt-4o*) comes first')
  })

  it('not when an earlier one merely covers it, or has some of its patterns', () => {
    const targets = ['openai']
    expect(() => plannerOf({ model: '*', targets }, usual, { model: ['gpt-4o*', 'o3'], targets })).not.toThrow()
  })
})
