import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { TargetOptions } from '../../src/router/router-options.ts'
import type { Fault } from '../../src/testing/simulated-provider.ts'
import { type Fleet, type FleetName, makeFleet, marks } from '../support/fleet.ts'
import { thrownBy } from '../support/fleet-callers.ts'

/** What is wrong with a provider; `refuses`: nobody listens at its port. */
type Wrong = 'refuses' | 'hangs' | Fault

/** What a caller is told of it. */
const wrongs: readonly (readonly [what: string, wrong: Wrong, reason: RegExp])[] = [
  ['refuses connections', 'refuses', /could not be reached: .*ECONNREFUSED/],
  ['hangs', 'hangs', /gave no answer within 100 ms/],
  ['wants to be asked later', { status: 429, headers: { 'retry-after': '7' } }, /answered 429: /],
  ['has an error of its own', { status: 500 }, /answered 500: /],
  ['answers with what is no answer', { status: 200, body: '<html>Hello' }, /answered with something that is no answer/],
  ['dies before it has said anything', { cut: 0 }, /could not be reached: /]
]

/** Whom each SDK's requests go to, in turn. */
const ways = {
  openai: ['openai', 'south', 'claude'],
  anthropic: ['claude', 'openai', 'south']
} as const satisfies Record<string, readonly FleetName[]>

type Way = keyof typeof ways

const models = { openai: 'gpt-4o', south: 'gpt-4o', claude: 'claude-sonnet-5', anthropic: 'claude-sonnet-5' }

let fleet: Fleet

afterEach(() => fleet.close())

/** The first of the targets are in trouble, each in its own. */
async function start(way: Way, inTrouble: readonly Wrong[]): Promise<void> {
  const targets = ways[way].map(
    (provider, index): TargetOptions => ({
      provider,
      model: models[provider],
      ...(inTrouble[index] === 'hangs' ? { timeoutMs: 100 } : {})
    })
  )
  const model = models[ways[way][0]]
  fleet = await makeFleet(
    {
      // OpenAI has a key of its own as well where it stands in for another dialect's provider.
      ...(way === 'anthropic' ? { openaiKey: 'sk-openai' } : {}),
      routes: [{ model, targets, retry: { attempts: 0 } }]
    },
    (name) => ({ answer: () => ({ text: answerOf(name) }), chunkTokens: 1 })
  )
  for (const [index, wrong] of inTrouble.entries()) {
    const provider = fleet.providers[ways[way][index] ?? 'openai']
    if (wrong === 'refuses') await provider.close()
    else provider.fail({ every: wrong === 'hangs' ? 'hang' : wrong })
  }
}

function answerOf(name: FleetName): string {
  return `It is ${name}, who says so, and who has been here all the time.`
}

/** What of a stream has reached its caller: text, and events in all. */
let seen = ''
let events = 0

interface Told {
  readonly text: string
  readonly headers: Headers
}

const user = { role: 'user' as const, content: 'Who is there?' }

/** Asks by the way's own SDK. */
async function ask(way: Way, stream: boolean): Promise<Told> {
  return way === 'openai' ? askOpenai(stream) : askAnthropic(stream)
}

async function askOpenai(stream: boolean): Promise<Told> {
  const { completions } = fleet.openai().chat
  const body = { model: models.openai, messages: [user] }
  if (!stream) {
    const { data, response } = await completions.create(body).withResponse()
    return { text: data.choices[0]?.message.content ?? '', headers: response.headers }
  }
  const { data, response } = await completions.create({ ...body, stream }).withResponse()
  seen = ''
  events = 0
  for await (const chunk of data) {
    events += 1
    seen += chunk.choices[0]?.delta.content ?? ''
  }
  return { text: seen, headers: response.headers }
}

async function askAnthropic(stream: boolean): Promise<Told> {
  const { messages } = fleet.anthropic()
  const body = { model: models.claude, max_tokens: 100, messages: [user] }
  if (!stream) {
    const { data, response } = await messages.create(body).withResponse()
    return { text: data.content[0]?.type === 'text' ? data.content[0].text : '', headers: response.headers }
  }
  const { data, response } = await messages.create({ ...body, stream }).withResponse()
  seen = ''
  events = 0
  for await (const event of data) {
    events += 1
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') seen += event.delta.text
  }
  return { text: seen, headers: response.headers }
}

const cases = wrongs.flatMap(([what, wrong, reason]) =>
  (['openai', 'anthropic'] as const).flatMap((way) =>
    [false, true].map((stream) => ({ what, wrong, reason, way, stream, how: stream ? 'streaming' : 'plainly' }))
  )
)

describe.each(cases)('a provider that $what, asked $how by the SDK of $way', ({ wrong, reason, way, stream }) => {
  const [first, second, third] = ways[way]

  it('is stood in for by the next', async () => {
    await start(way, [wrong])
    const { text, headers } = await ask(way, stream)
    expect(text).toBe(answerOf(second))
    const fallback = models[second] === models[first] ? null : 'true'
    expect(marks(headers)).toEqual({ layer: 'provider', provider: second, fallback })
    expect(fleet.asked()).toEqual({ ...(wrong === 'refuses' ? {} : { [first]: 1 }), [second]: 1 })
    expect(fleet.events.filter(({ type }) => type === 'fell-back')).toMatchObject([
      { from: `${first}/${models[first]}`, to: `${second}/${models[second]}`, reason: expect.stringMatching(reason) }
    ])
  })

  it('is stood in for by the last, when the second is like it', async () => {
    await start(way, [wrong, wrong])
    const { text, headers } = await ask(way, stream)
    expect(text).toBe(answerOf(third))
    expect(marks(headers)).toEqual({ layer: 'provider', provider: third, fallback: 'true' })
  })

  it('is named in the error beside the others, when all are like it', async () => {
    await start(way, [wrong, wrong, wrong])
    const error = await thrownBy(ask(way, stream))
    const [Refusal, Failure] =
      way === 'openai'
        ? [OpenAI.RateLimitError, OpenAI.InternalServerError]
        : [Anthropic.RateLimitError, Anthropic.InternalServerError]
    const isLater = typeof wrong === 'object' && 'status' in wrong && wrong.status === 429
    expect(error).toBeInstanceOf(isLater ? Refusal : Failure)
    const { status, message, headers } = error as InstanceType<typeof Failure>
    expect(status).toBe(isLater ? 429 : wrong === 'hangs' ? 504 : 502)
    expect(message).toContain(`no provider could answer for ${models[first]}. `)
    const named = ways[way].map((name) => `${name}/${models[name]}: [^;]*${reason.source}`)
    expect(message).toMatch(new RegExp(named.join('.*; ')))
    expect(headers?.get('x-should-retry')).toBe('true')
    expect(headers?.get('retry-after')).toBe(isLater ? '7' : null)
    expect(headers?.get('cache-status')).toBe('reprise; detail=all-providers-failed')
    // Nothing of it was stored.
    await expect(ask(way, stream)).rejects.toThrow('no provider could answer')
  })
})

describe.each(['openai', 'anthropic'] as const)(
  'all at once, each in its own trouble, asked by the SDK of %s',
  (way) => {
    it.each([false, true])('are named each with its own reason (streaming: %s)', async (stream) => {
      await start(way, ['refuses', 'hangs', { status: 429, headers: { 'retry-after': '3' } }])
      const error = await thrownBy<InstanceType<typeof OpenAI.APIError>>(ask(way, stream))
      const [first, second, third] = ways[way].map((name) => `${name}/${models[name]}`)
      expect(error.status).toBe(502)
      expect(error.message).toMatch(
        new RegExp(`${first}: .*ECONNREFUSED.*; ${second}: gave no answer within 100 ms; ${third}: answered 429`)
      )
      expect(error.headers?.get('retry-after')).toBe('3')
      expect(error).toMatchObject(
        way === 'openai'
          ? { code: 'all-providers-failed', type: 'server_error' }
          : { error: { type: 'error', error: { type: 'api_error', code: 'all-providers-failed' } } }
      )
    })
  }
)

describe.each(['openai', 'anthropic'] as const)('a stream that has begun, asked by the SDK of %s', (way) => {
  const [first, second, third] = ways[way]

  /** What the caller has seen is the beginning of one answer, and the gateway has left it at that. */
  async function expectBreak(says: FleetName, asked: Partial<Record<FleetName, number>>): Promise<void> {
    await expect(ask(way, true)).rejects.toThrow()
    expect(events).toBeGreaterThan(0)
    expect(answerOf(says).startsWith(seen)).toBe(true)
    expect(seen).not.toBe(answerOf(says))
    expect(fleet.asked()).toEqual(asked)
    expect(fleet.events.filter(({ type }) => type === 'stored' || type === 'retried')).toEqual([])
  }

  it.each([
    ['whose provider dies', { cut: 5 }, /terminated|aborted|Connection error|closed/i],
    ['in which there is what is no event', 'malformed', /JSON/],
    ['in which its provider reports an error', 'stream-error', /./]
  ] as const)('%s ends there; nobody else is asked, nothing is stored', async (_, wrong, message) => {
    await start(way, [wrong])
    await expectBreak(first, { [first]: 1 })
    expect(fleet.events.filter(({ type }) => type === 'fell-back')).toEqual([])
    await expect(ask(way, true)).rejects.toThrow(message)
    expect(fleet.asked()).toEqual({ [first]: 2 })
  })

  it.each([
    ['whose provider dies', { cut: 5 }],
    ['in which there is what is no event', 'malformed'],
    ['in which its provider reports an error', 'stream-error']
  ] as const)('%s ends there too when it is carried over from the other dialect', async (_, wrong) => {
    const crossed = way === 'openai' ? third : second
    await start(way, crossed === third ? [{ status: 500 }, { status: 503 }, wrong] : [{ status: 500 }, wrong])
    await expectBreak(crossed, { [first]: 1, [second]: 1, [crossed]: 1 })
  })
})

describe('two who ask the same at the same time', () => {
  it.each([false, true])(
    'share the answer of who stands in, and both hear who it was (streaming: %s)',
    async (stream) => {
      await start('openai', [{ status: 500 }, { status: 503 }])
      const told = await Promise.all([ask('openai', stream), ask('openai', stream)])
      for (const { text, headers } of told) {
        expect(text).toBe(answerOf('claude'))
        expect(marks(headers)).toEqual({ layer: 'provider', provider: 'claude', fallback: 'true' })
      }
      expect(fleet.asked()).toEqual({ openai: 1, south: 1, claude: 1 })
    }
  )
})
