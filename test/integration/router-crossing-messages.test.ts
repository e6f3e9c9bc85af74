import Anthropic from '@anthropic-ai/sdk'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { type Fleet, makeFleet, marks } from '../support/fleet.ts'
import { thrownBy } from '../support/fleet-callers.ts'

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

type Asked = Anthropic.MessageCreateParamsNonStreaming

let fleet: Fleet

/** Anthropic is down, and a provider that speaks OpenAI's dialect stands in. */
async function start(routes: GatewayOptions['routes'] = [route]): Promise<void> {
  fleet = await makeFleet({ routes }, () => ({
    answer: ({ lastUserText }) => (lastUserText.includes('a stop') ? { text: 'One. END Two.' } : undefined)
  }))
  await fleet.providers.anthropic.close()
}

const route = { model: 'claude-*', targets: ['anthropic', 'south/gpt-4o'], retry: { attempts: 0 } }

afterEach(async () => {
  expect(fleet.heard('south')).not.toContain('sk-alice')
  for (const { headers } of fleet.providers.south.calls) {
    expect([headers.authorization, headers['x-api-key']]).toEqual(['Bearer sk-south', undefined])
    expect(Object.keys(headers).filter((name) => /^(anthropic|x-stainless)/.test(name))).toEqual([])
  }
  await fleet.close()
})

const bySouth = { layer: 'provider', provider: 'south', fallback: 'true' }
const user: Anthropic.MessageParam = { role: 'user', content: 'Hello?' }

/** Asks plainly and streaming, and finds the same said and marked. */
async function askBoth(own: Partial<Asked>): Promise<Anthropic.Message> {
  const { messages } = fleet.anthropic()
  const asked: Asked = { model: 'claude-sonnet-5', max_tokens: 1000, messages: [user], ...own }
  const { data: plain, response } = await messages.create(asked).withResponse()
  expect(marks(response.headers)).toEqual(bySouth)
  const stream = messages.stream(asked)
  const { response: streaming } = await stream.withResponse()
  expect(marks(streaming.headers)).toEqual(bySouth)
  expect(essence(await stream.finalMessage())).toEqual(essence(plain))
  expect(fleet.asked()).toEqual({ south: 2 })
  return plain
}

function essence({ content, stop_reason, stop_sequence, model, role, usage }: Anthropic.Message): unknown {
  const { input_tokens, output_tokens } = usage
  const blocks = content.map((block) => (block.type === 'tool_use' ? [block.name, block.input] : block))
  return { blocks, stop_reason, stop_sequence, model, role, input_tokens, output_tokens }
}

function lastAsked(): JsonObject {
  return fleet.providers.south.calls.at(-1)?.body ?? {}
}

describe('a message that a chat completion answers', () => {
  beforeEach(() => start())

  it('carries system blocks, limits and stops over, and says why it ended, who answered and what was used', async () => {
    const answer = await askBoth({
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } }
      ],
      messages: [{ role: 'user', content: 'Say it up to a stop.' }],
      stop_sequences: ['END'],
      ...({ temperature: 0.5 } as object)
    })
    expect(answer).toMatchObject({ type: 'message', role: 'assistant', model: expect.stringMatching(/^gpt-4o/) })
    expect(answer.content).toMatchObject([{ type: 'text', text: 'One. ' }])
    // A chat does not say which of the stops it was, nor whether it was one.
    expect(answer.stop_reason).toBe('end_turn')
    expect(answer.usage.output_tokens).toBeGreaterThan(0)
    expect(lastAsked()).toMatchObject({ model: 'gpt-4o', max_tokens: 1000, temperature: 0.5, stop: ['END'] })
    expect(lastAsked()['messages']).toMatchObject([{ role: 'system' }, { role: 'user' }])
    expect(JSON.stringify(lastAsked()['messages'])).toMatch(/Be brief\..*Be kind\./)
  })

  it('carries pictures over', async () => {
    const source = { type: 'base64' as const, media_type: 'image/png' as const, data: pixel }
    const content: Anthropic.ContentBlockParam[] = [
      { type: 'image', source },
      { type: 'text', text: 'What is this?' }
    ]
    await askBoth({ messages: [{ role: 'user', content }] })
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }
    expect(lastAsked()['messages']).toMatchObject([{ content: [image, { type: 'text', text: 'What is this?' }] }])
  })

  it.each([false, true])('carries a loop of tools over, two calls at once (streaming: %s)', async (stream) => {
    const client = fleet.anthropic().messages
    const tools: Anthropic.Tool[] = ['weather', 'time'].map((name) => ({
      name,
      description: `The ${name} there.`,
      input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    }))
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Use the tools for Quito.' }]
    const asked: Asked = { model: 'claude-sonnet-5', max_tokens: 1000, messages, tools }
    const ask = () => (stream ? client.stream(asked).finalMessage() : client.create(asked))

    const first = await ask()
    expect(first.stop_reason).toBe('tool_use')
    const calls = first.content.filter((block) => block.type === 'tool_use')
    expect(calls).toMatchObject([{ name: 'weather' }, { name: 'time' }])
    for (const { input } of calls) expect(input).toHaveProperty('city')
    messages.push({ role: 'assistant', content: first.content })
    messages.push({
      role: 'user',
      content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: `it is ${id}` }))
    })
    const second = await ask()
    expect(second).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text' }] })
    expect(lastAsked()['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: calls.map(({ id, name }) => ({ id, function: { name } })) },
      ...calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: `it is ${id}` }))
    ])
    expect(fleet.asked()).toEqual({ south: 2 })
  })

  it.each<readonly [string, Partial<Asked>, RegExp]>([
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2000 }, /thinking/],
    ['top_k', { top_k: 5 } as Partial<Asked>, /top_k/],
    ['a server tool', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, /tools\[0\]|web_search/]
  ])('is not sent over with what cannot be carried: %s; log and error name it', async (_, own, named) => {
    const { messages } = fleet.anthropic()
    for (const stream of [false, true]) {
      const asked = messages.create({ model: 'claude-sonnet-5', max_tokens: 1000, messages: [user], ...own, stream })
      const error = await thrownBy(asked)
      expect(error).toBeInstanceOf(Anthropic.InternalServerError)
      expect(String(error)).toMatch(/502 .*anthropic\/claude-sonnet-5: .*ECONNREFUSED.*; south\/gpt-4o: /)
      expect(String(error).split('south/gpt-4o: ')[1]).toMatch(named)
    }
    expect(fleet.events.filter(({ type }) => type === 'skipped')).toMatchObject(
      Array(2).fill({ target: 'south/gpt-4o', reason: 'unsuitable', detail: expect.stringMatching(named) })
    )
    expect(fleet.asked()).toEqual({})
  })

  it('is served and not stored: it is asked for again', async () => {
    await askBoth({})
    expect(fleet.events.filter(({ type }) => type === 'stored')).toEqual([])
    expect(fleet.events.filter(({ type }) => type === 'refused')).toMatchObject(Array(2).fill({ reason: 'fallback' }))
  })
})

describe('a route whose only target cannot take a request', () => {
  it.each([
    ['log probabilities', { logprobs: true }],
    ['two choices', { n: 2 }]
  ])('refuses it at once, and says why: %s', async (_, own) => {
    await start([{ model: 'gpt-*', targets: ['claude/claude-sonnet-5'] }])
    const asked = fleet.openai().chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'Hello?' }],
      ...own
    })
    const [field] = Object.keys(own)
    await expect(asked).rejects.toMatchObject({
      status: 400,
      code: 'no-suitable-target',
      message: expect.stringMatching(
        `no target of gpt-4o can take this request. claude/claude-sonnet-5: .*\\b${field}\\b`
      )
    })
    expect(fleet.asked()).toEqual({})
  })
})

describe("another model's answer, with storeFallbacks", () => {
  const stored = (provider: string) => ({ layer: 'exact', provider, fallback: 'true' })

  it('is stored under the message that was asked, and a hit streams it too', async () => {
    await start([{ ...route, storeFallbacks: true }])
    const { messages } = fleet.anthropic()
    const asked: Asked = { model: 'claude-sonnet-5', max_tokens: 1000, messages: [user] }
    const { data, response } = await messages.create(asked).withResponse()
    expect(marks(response.headers)).toEqual(bySouth)
    expect(response.headers.get('cache-status')).toBe('reprise; fwd=miss; stored')
    const again = await messages.create(asked).withResponse()
    expect(again.data).toEqual(data)
    expect(marks(again.response.headers)).toEqual(stored('south'))
    const stream = messages.stream(asked)
    expect(marks((await stream.withResponse()).response.headers)).toEqual(stored('south'))
    expect(await stream.finalMessage()).toMatchObject({ content: data.content, model: data.model, usage: data.usage })
    expect(fleet.asked()).toEqual({ south: 1 })
  })

  it('is stored from a stream as well, and a hit is told plainly too: of a chat completion', async () => {
    await start([{ model: 'gpt-*', targets: ['openai', 'claude/claude-sonnet-5'], storeFallbacks: true }])
    await fleet.providers.openai.close()
    const { completions } = fleet.openai().chat
    const asked = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hello?' }] }
    const first = await completions.stream(asked).finalChatCompletion()
    const { data, response } = await completions.create(asked).withResponse()
    expect(marks(response.headers)).toEqual(stored('claude'))
    expect(data.model).toBe('claude-sonnet-5')
    expect(data.choices[0]?.message.content).toBe(first.choices[0]?.message.content)
    expect(data.usage?.completion_tokens).toBeGreaterThan(0)
    const again = await completions.stream(asked).finalChatCompletion()
    expect(again.choices[0]?.message.content).toBe(first.choices[0]?.message.content)
    expect(fleet.asked()).toEqual({ claude: 1 })
  })
})
