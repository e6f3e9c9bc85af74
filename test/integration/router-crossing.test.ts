import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { type Fleet, makeFleet, marks } from '../support/fleet.ts'
import { thrownBy } from '../support/fleet-callers.ts'

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

type Asked = OpenAI.ChatCompletionCreateParamsNonStreaming

let fleet: Fleet

/** OpenAI is down, and Claude stands in. */
beforeEach(async () => {
  fleet = await makeFleet(
    { routes: [{ model: 'gpt-*', targets: ['openai', 'claude/claude-sonnet-5'], retry: { attempts: 0 } }] },
    () => ({ answer: ({ lastUserText }) => (lastUserText.includes('a stop') ? { text: 'One. END Two.' } : undefined) })
  )
  await fleet.providers.openai.close()
})

afterEach(async () => {
  // Whatever was asked: nothing of the caller's credential has come to another dialect's provider.
  expect(fleet.heard('claude')).not.toContain('sk-alice')
  for (const { headers, path } of fleet.providers.claude.calls) {
    expect([headers['x-api-key'], headers.authorization, path]).toEqual(['sk-claude', undefined, '/v1/messages'])
    expect(headers['anthropic-version']).toBe('2023-06-01')
  }
  await fleet.close()
})

const byClaude = { layer: 'provider', provider: 'claude', fallback: 'true' }

/** Asks plainly and streaming, and finds the same said and marked. */
async function askBoth(own: Omit<Asked, 'model'>): Promise<OpenAI.ChatCompletion> {
  const { completions } = fleet.openai().chat
  const asked: Asked = { model: 'gpt-4o', ...own }
  const { data: plain, response } = await completions.create(asked).withResponse()
  expect(marks(response.headers)).toEqual(byClaude)
  const stream = completions.stream({ ...asked, stream: true, stream_options: { include_usage: true } })
  const streamed = await stream.finalChatCompletion()
  expect(essence(streamed)).toEqual(essence(plain))
  expect(fleet.asked()).toEqual({ claude: 2 })
  return plain
}

/** All but what is new each time, such as the ids of calls. */
function essence({ choices, usage, model }: OpenAI.ChatCompletion): unknown {
  return {
    model,
    usage,
    choices: choices.map(({ finish_reason, message: { role, content, tool_calls: calls = [] } }) => [
      finish_reason,
      role,
      content,
      calls.map((call) => (call.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : call))
    ])
  }
}

function lastAsked(): JsonObject {
  return fleet.providers.claude.calls.at(-1)?.body ?? {}
}

describe("a chat completion that Anthropic's Messages answer", () => {
  it('carries system prompts, limits and stops over, and says why it ended, who answered and what was used', async () => {
    const messages: Asked['messages'] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Say it up to a stop.' }
    ]
    const answer = await askBoth({ messages, stop: ['END'], max_completion_tokens: 50, temperature: 0.5 })
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'claude-sonnet-5' })
    expect(answer.choices).toMatchObject([
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'One. ' } }
    ])
    const { usage } = answer
    expect(usage?.prompt_tokens).toBeGreaterThan(0)
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0))
    expect(lastAsked()).toMatchObject({
      model: 'claude-sonnet-5',
      max_tokens: 50,
      temperature: 0.5,
      stop_sequences: ['END']
    })
    expect(JSON.stringify(lastAsked()['system'])).toContain('Be brief.')
  })

  it('carries pictures over', async () => {
    const content: OpenAI.ChatCompletionContentPart[] = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }
    ]
    await askBoth({ messages: [{ role: 'user', content }] })
    const source = { type: 'base64', media_type: 'image/png', data: pixel }
    expect(lastAsked()['messages']).toMatchObject([{ content: [{ type: 'text' }, { type: 'image', source }] }])
  })

  it('carries a schema over, and the answer keeps to it', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, people: { type: 'integer' } },
      required: ['city', 'people'],
      additionalProperties: false
    }
    const { choices } = await askBoth({
      messages: [{ role: 'user', content: 'The largest city, please.' }],
      response_format: { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } }
    })
    expect(lastAsked()['output_config']).toMatchObject({ format: { type: 'json_schema', schema } })
    const said: unknown = JSON.parse(choices[0]?.message.content ?? '')
    expect(said).toEqual({ city: expect.any(String), people: expect.any(Number) })
  })

  it.each([false, true])('carries a loop of tools over, two calls at once (streaming: %s)', async (stream) => {
    const { completions } = fleet.openai().chat
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const tools: OpenAI.ChatCompletionTool[] = ['weather', 'time'].map((name) => ({
      type: 'function',
      function: { name, description: `The ${name} there.`, parameters }
    }))
    const messages: Asked['messages'] = [{ role: 'user', content: 'Use the tools for Quito.' }]
    const ask = () =>
      stream
        ? completions.stream({ model: 'gpt-4o', messages, tools }).finalChatCompletion()
        : completions.create({ model: 'gpt-4o', messages, tools })

    const [first] = (await ask()).choices
    const calls = first?.message.tool_calls ?? []
    expect(first?.finish_reason).toBe('tool_calls')
    expect(calls).toMatchObject([{ function: { name: 'weather' } }, { function: { name: 'time' } }])
    if (first !== undefined) messages.push(first.message)
    for (const call of calls) {
      if (call.type === 'function') expect(JSON.parse(call.function.arguments)).toHaveProperty('city')
      messages.push({ role: 'tool', tool_call_id: call.id, content: `it is ${call.id}` })
    }
    const [second] = (await ask()).choices
    expect(second).toMatchObject({ finish_reason: 'stop', message: { content: expect.stringMatching(/\w/) } })
    const turns = lastAsked()['messages'] as unknown as readonly { content: readonly JsonObject[] }[]
    expect(turns[2]?.content).toMatchObject(
      calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: `it is ${id}` }))
    )
    expect(fleet.asked()).toEqual({ claude: 2 })
  })
})

describe('what cannot be carried over', () => {
  const cases: readonly (readonly [string, Partial<Asked>, RegExp])[] = [
    ['two choices', { n: 2 }, /\bn\b/],
    ['log probabilities', { logprobs: true }, /logprobs/],
    ['a temperature above 1', { temperature: 1.5 }, /temperature: expected a number from 0 to 1, got 1.5/],
    ['a seed', { seed: 7 }, /seed/],
    ['a field that nobody knows', { fancy: true } as Partial<Asked>, /fancy/]
  ]

  it.each(cases)('is not sent over: %s; log and error name it', async (_, own, named) => {
    const { completions } = fleet.openai().chat
    const messages: Asked['messages'] = [{ role: 'user', content: 'Hello' }]
    for (const stream of [false, true]) {
      const asked = completions.create({ model: 'gpt-4o', messages, ...own, stream })
      const error = await thrownBy(asked)
      expect(error).toBeInstanceOf(OpenAI.InternalServerError)
      expect(String(error)).toMatch(/502 .*openai\/gpt-4o: .*ECONNREFUSED.*; claude\/claude-sonnet-5: /)
      expect(String(error).split('claude/claude-sonnet-5: ')[1]).toMatch(named)
    }
    expect(fleet.events.filter(({ type }) => type === 'skipped')).toMatchObject(
      Array(2).fill({
        target: 'claude/claude-sonnet-5',
        reason: 'unsuitable',
        detail: expect.stringMatching(named)
      })
    )
    expect(fleet.asked()).toEqual({})
  })
})

describe('an answer of another model than the one asked for', () => {
  const asked: Asked = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello?' }] }

  it('is served and not stored: it is asked for again', async () => {
    const { completions } = fleet.openai().chat
    for (const count of [1, 2]) {
      const { response } = await completions.create(asked).withResponse()
      expect(marks(response.headers)).toEqual(byClaude)
      expect(response.headers.get('cache-status')).toBe('reprise; fwd=miss')
      const streamed = await completions.create({ ...asked, stream: true }).withResponse()
      expect(marks(streamed.response.headers)).toEqual(byClaude)
      for await (const _ of streamed.data);
      expect(fleet.asked()).toEqual({ claude: 2 * count })
    }
    expect(fleet.events.filter(({ type }) => type === 'stored')).toEqual([])
    expect(fleet.events.filter(({ type }) => type === 'refused')).toMatchObject(Array(4).fill({ reason: 'fallback' }))
  })
})

describe("a caller's credential", () => {
  it('does not come to another dialect, wherever it stands, and not to one that has no key of its own', async () => {
    await fleet.close()
    const targets = ['openai', 'anthropic/claude-sonnet-5', 'south', 'claude/claude-sonnet-5']
    fleet = await makeFleet({ routes: [{ model: 'gpt-*', targets, retry: { attempts: 0 } }] })
    for (const name of ['openai', 'south'] as const) fleet.providers[name].fail({ status: 503 })
    const path = '/v1/chat/completions?api_key=sk-alice&access_token=sk-alice'
    const response = await fetch(`${fleet.gateway.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer sk-alice',
        'x-api-key': 'sk-alice',
        'api-key': 'sk-alice',
        'x-goog-api-key': 'sk-alice',
        'x-custom-token': 'sk-alice',
        cookie: 'session=sk-alice',
        'openai-organization': 'org-alice',
        'x-reprise-tags': 'tag-of-alice',
        'content-type': 'application/json'
      },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], user: 'u-1' })
    })
    expect(marks(response.headers)).toEqual(byClaude)
    expect(fleet.asked()).toEqual({ openai: 1, anthropic: 1, south: 1, claude: 1 })
    expect(fleet.providers.openai.calls[0]?.headers).toMatchObject({ authorization: 'Bearer sk-alice' })
    // Without a key it has said no, and nobody helped it out with the caller's.
    expect(fleet.events).toContainEqual(
      expect.objectContaining({ type: 'fell-back', from: 'anthropic/claude-sonnet-5' })
    )
    expect(fleet.providers.south.calls[0]?.headers.authorization).toBe('Bearer sk-south')
    for (const name of ['anthropic', 'south', 'claude'] as const) {
      expect(fleet.heard(name)).not.toMatch(/sk-alice|org-alice|tag-of-alice/)
    }
  })
})
