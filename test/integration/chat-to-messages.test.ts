import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { type SimulatedProvider, simulatedProvider } from '../../src/testing/simulated-provider.ts'
import { chatToMessages } from '../../src/wires/chat-to-messages.ts'
import { readEvents, writeEvent } from '../../src/wires/sse.ts'

let anthropic: SimulatedProvider
let door: Server
let openai: OpenAI

/** A door that speaks OpenAI's dialect, and asks Anthropic. */
beforeAll(async () => {
  anthropic = await simulatedProvider({
    answer: ({ lastUserText }) => (lastUserText.includes('stop') ? { text: 'One. END Two.' } : undefined)
  })
  door = createServer(async (request, response) => {
    const asked: JsonObject = JSON.parse(await textOf(request))
    const { request: crossed, unsuitable } = chatToMessages.request(asked, 'claude-opus-5')
    if (crossed === undefined) {
      response.writeHead(400, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ error: { message: unsuitable } }))
    }
    const answer = await fetch(`${anthropic.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'key', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify(crossed)
    })
    if (!answer.ok || answer.body === null) return response.writeHead(answer.status).end(await answer.text())
    if (asked['stream'] !== true) {
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(JSON.stringify(chatToMessages.answer((await answer.json()) as JsonObject, asked)))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const crossing = chatToMessages.stream(asked)
    const reader = readEvents((delta) => {
      for (const chunk of crossing.add(delta)) response.write(writeEvent(chunk))
    })
    for await (const chunk of answer.body) reader.feed(chunk)
    response.end()
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const { port } = door.address() as AddressInfo
  openai = new OpenAI({ apiKey: 'key', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
})

afterEach(() => anthropic.reset())

afterAll(async () => {
  door.closeAllConnections()
  await new Promise((resolve) => door.close(resolve))
  await anthropic.close()
})

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

type Asked = OpenAI.ChatCompletionCreateParamsNonStreaming

/** Asks plainly and streaming. The words are the same; the identifiers are new each time. */
async function askTwice(asked: Asked): Promise<OpenAI.ChatCompletion> {
  const plain = await openai.chat.completions.create(asked)
  const streamed = await openai.chat.completions
    .stream({ ...asked, stream: true, stream_options: { include_usage: true } })
    .finalChatCompletion()
  expect(essence(streamed)).toEqual(essence(plain))
  expect(anthropic.calls.map(({ outcome }) => outcome)).toEqual(['answered', 'answered'])
  return plain
}

function essence({ choices, usage, model }: OpenAI.ChatCompletion): unknown {
  return {
    model,
    usage,
    choices: choices.map(({ finish_reason, message }) => ({
      finish_reason,
      content: message.content,
      refusal: message.refusal,
      calls: (message.tool_calls ?? []).map((call) =>
        call.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : call
      )
    }))
  }
}

const weather: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Tells the weather.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false
    },
    strict: true
  }
}

describe('a chat that Anthropic answers', () => {
  it('is answered in text, with what it used', async () => {
    const answer = await askTwice({
      model: 'gpt-5',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
        { role: 'user', content: 'Hello there' }
      ],
      temperature: 0.2,
      max_completion_tokens: 500,
      user: 'somebody'
    })
    const [choice] = answer.choices
    expect(choice?.message.content).toMatch(/\w/)
    expect(choice?.finish_reason).toBe('stop')
    expect(answer.usage?.total_tokens).toBeGreaterThan(answer.usage?.completion_tokens ?? 0)
    expect(anthropic.calls[0]?.body).toMatchObject({
      system: [{ text: 'Be brief.' }, { text: 'Be kind.' }],
      max_tokens: 500,
      temperature: 0.2
    })
  })

  it('may show pictures and documents', async () => {
    await askTwice({
      model: 'gpt-5',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
            { type: 'image_url', image_url: { url: 'https://example.org/a.jpg' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
            { type: 'text', text: 'What do you see?' }
          ]
        }
      ]
    })
  })

  it('calls tools, and is told what they found', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Weather in Paris?' }]
    const asked: Asked = { model: 'gpt-5', messages, tools: [weather], tool_choice: 'required' }
    const { choices } = await askTwice(asked)
    const message = choices[0]?.message
    const call = message?.tool_calls?.[0]
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } })
    expect(message?.content).toBeNull()

    anthropic.reset()
    if (message === undefined || message.tool_calls === undefined) throw new Error('expected a tool call')
    const results = message.tool_calls.map(({ id }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: 'sun, 21 degrees'
    }))
    const answer = await askTwice({ ...asked, messages: [...messages, message, ...results], tool_choice: 'auto' })
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringMatching(/\w/) }
    })
    expect(anthropic.calls[0]?.body?.['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: message.tool_calls.map(({ id }) => ({ type: 'tool_use', id })) },
      { role: 'user', content: message.tool_calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id })) }
    ])
  })

  it('may need a named tool, one at a time', async () => {
    const { choices } = await askTwice({
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'Weather in Paris and in Rome?' }],
      tools: [weather, { type: 'function', function: { name: 'time' } }],
      tool_choice: { type: 'function', function: { name: 'time' } },
      parallel_tool_calls: false
    })
    expect(choices[0]?.message.tool_calls).toMatchObject([{ function: { name: 'time', arguments: '{}' } }])
  })

  it('is answered in JSON that follows a schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'array', items: { type: 'integer' } } },
      required: ['city', 'days'],
      additionalProperties: false
    }
    const { choices } = await askTwice({
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'When is it sunny in Paris?' }],
      response_format: { type: 'json_schema', json_schema: { name: 'sunny', schema, strict: true } },
      reasoning_effort: 'low'
    })
    const said: unknown = JSON.parse(choices[0]?.message.content ?? '')
    expect(said).toEqual({ city: expect.any(String), days: expect.any(Array) })
  })

  it('ends where it is told to, or when it has said enough', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Count, and stop.' }]
    const { choices } = await askTwice({ model: 'gpt-5', messages, stop: 'END' })
    expect(choices).toMatchObject([{ message: { content: 'One. ' }, finish_reason: 'stop' }])

    anthropic.reset()
    const short = await askTwice({ model: 'gpt-5', messages, max_tokens: 1 })
    expect(short.choices).toMatchObject([{ finish_reason: 'length' }])
    expect(short.usage?.completion_tokens).toBe(1)
  })

  it('breaks off with the error that Anthropic reports in mid-stream', async () => {
    anthropic.fail('stream-error')
    const stream = openai.chat.completions.stream({ model: 'gpt-5', messages: [{ role: 'user', content: 'Hello' }] })
    await expect(stream.finalChatCompletion()).rejects.toThrow('Overloaded')
  })

  it('is not sent where it cannot be said', async () => {
    const asked: Asked = { model: 'gpt-5', messages: [{ role: 'user', content: 'Hello' }], seed: 7 }
    await expect(openai.chat.completions.create(asked)).rejects.toThrow('the field seed has no counterpart')
    expect(anthropic.count()).toBe(0)
  })
})
