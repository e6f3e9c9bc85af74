import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { someText } from '../../test/support/arbitrary-json.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { messagesToChat } from './messages-to-chat.ts'
import { openaiChat } from './openai-chat.ts'

const hello = { role: 'user', content: 'Hello' }
const plain: JsonObject = { model: 'claude-x', max_tokens: 100, messages: [hello] }

function crossed(request: JsonObject, model = 'gpt-4o'): JsonObject | undefined {
  const { request: carried, unsuitable } = messagesToChat.request(request, model)
  expect(unsuitable).toBeUndefined()
  if (carried !== undefined) expect(openaiChat.check(carried)).toBeUndefined()
  return carried
}

function turnsOf(...messages: JsonObject[]): Json | undefined {
  return crossed({ ...plain, messages })?.['messages']
}

function userSays(...content: Json[]): Json | undefined {
  const turns = turnsOf({ role: 'user', content })
  return Array.isArray(turns) ? turns : undefined
}

function why(more: JsonObject, messages: readonly Json[] = [hello]): string | undefined {
  return messagesToChat.request({ ...plain, messages, ...more }, 'gpt-4o').unsuitable
}

const weather = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false
  }
}
const lax = { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false }

describe('a crossed request', () => {
  it('asks the target’s model, for as many tokens', () => {
    expect(crossed(plain)).toEqual({ model: 'gpt-4o', max_tokens: 100, messages: [hello] })
  })

  it.each(['o1', 'o3-mini', 'openai/o4-mini', 'gpt-5', 'GPT-5.2-chat', 'my-gpt-6', 'ft:o4-mini:x'])(
    'limits %s as reasoning models want it',
    (model) => {
      expect(crossed(plain, model)).toEqual({ model, max_completion_tokens: 100, messages: [hello] })
    }
  )

  it.each(['gpt-4o', 'gpt-35-turbo', 'gpt-oss:20b', 'deepseek-chat', 'mistral-large', 'llama-o1', 'proto-5'])(
    'limits %s as everybody knows it',
    (model) => {
      expect(crossed(plain, model)).toEqual({ model, max_tokens: 100, messages: [hello] })
    }
  )

  it('has the system prompt first, its blocks as one text', () => {
    expect(crossed({ ...plain, system: 'Be brief.' })?.['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      hello
    ])
    const system = [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' }, citations: null }
    ]
    expect(crossed({ ...plain, system })?.['messages']).toEqual([
      { role: 'system', content: 'Be brief.\n\nBe kind.' },
      hello
    ])
    for (const nothing of ['', [], null]) expect(crossed({ ...plain, system: nothing })?.['messages']).toEqual([hello])
  })

  it('leaves a system turn where it stands', () => {
    const system = { role: 'system', content: [{ type: 'text', text: 'From now on, in French.' }] }
    expect(turnsOf(hello, { role: 'assistant', content: 'Hi' }, system, hello)).toEqual([
      hello,
      { role: 'assistant', content: 'Hi' },
      { role: 'system', content: 'From now on, in French.' },
      hello
    ])
  })

  it('carries pictures and PDF documents beside texts', () => {
    expect(
      userSays(
        { type: 'text', text: 'Compare:' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' }, transformations: {} },
        { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
        {
          type: 'document',
          title: 'Contract',
          citations: { enabled: false },
          source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' }
        },
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'CCCC' } }
      )
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Compare:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
          { type: 'file', file: { filename: 'Contract', file_data: 'data:application/pdf;base64,BBBB' } },
          { type: 'file', file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,CCCC' } }
        ]
      }
    ])
  })

  it('carries a document of plain text, or of text blocks, as text', () => {
    expect(
      userSays(
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'One.' } },
        { type: 'document', source: { type: 'content', content: 'Two.' } },
        { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'Three.' }] } },
        { type: 'text', text: 'Which is which?' }
      )
    ).toEqual([{ role: 'user', content: 'One.\n\nTwo.\n\nThree.\n\nWhich is which?' }])
  })

  it('carries calls, results directly after them, and then what else was said', () => {
    const use = {
      type: 'tool_use',
      id: 'toolu_1',
      name: 'weather',
      input: { city: 'Paris' },
      caller: { type: 'direct' }
    }
    expect(
      turnsOf(
        hello,
        {
          role: 'assistant',
          content: [{ type: 'text', text: 'Let me see.' }, use, { ...use, id: 'toolu_2', input: {} }]
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: 'Sunny' },
            {
              type: 'tool_result',
              tool_use_id: 'toolu_2',
              content: [
                { type: 'text', text: 'No city' },
                { type: 'text', text: 'Try again' }
              ],
              is_error: true
            },
            { type: 'text', text: 'And now?' }
          ]
        },
        { role: 'assistant', content: [{ ...use, id: 'toolu_3' }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_3', is_error: true },
            { type: 'tool_result', tool_use_id: 'toolu_4', is_error: false }
          ]
        }
      )
    ).toEqual([
      hello,
      {
        role: 'assistant',
        content: 'Let me see.',
        tool_calls: [
          { id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } },
          { id: 'toolu_2', type: 'function', function: { name: 'weather', arguments: '{}' } }
        ]
      },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'Sunny' },
      { role: 'tool', tool_call_id: 'toolu_2', content: 'Error: No city\n\nTry again' },
      { role: 'user', content: 'And now?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'toolu_3', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }]
      },
      { role: 'tool', tool_call_id: 'toolu_3', content: 'Error' },
      { role: 'tool', tool_call_id: 'toolu_4', content: '' }
    ])
  })

  it('shortens an identifier that OpenAI would refuse, in the call as in its result', () => {
    const id = `toolu_${'x'.repeat(60)}`
    const turns = turnsOf(
      hello,
      { role: 'assistant', content: [{ type: 'tool_use', id, name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: '' }] }
    )
    const [, call, result] = Array.isArray(turns) ? turns : []
    const shorter = result['tool_call_id']
    expect(call['tool_calls'][0]['id']).toBe(shorter)
    expect(shorter).toMatch(/^call_[0-9a-f]{35}$/)
  })

  it('leaves earlier thinking out, and a turn that was nothing else', () => {
    const thinking = [
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'redacted_thinking', data: 'd' }
    ]
    expect(
      turnsOf(
        hello,
        { role: 'assistant', content: [...thinking, { type: 'text', text: 'Hi' }] },
        hello,
        { role: 'assistant', content: thinking },
        hello
      )
    ).toEqual([hello, { role: 'assistant', content: 'Hi' }, hello, hello])
  })

  it('offers tools as functions', () => {
    const strict = { ...weather, type: 'custom', strict: true, cache_control: { type: 'ephemeral' } }
    const plainly = {
      name: 'now',
      input_schema: { type: 'object' },
      strict: false,
      defer_loading: false,
      description: null
    }
    expect(crossed({ ...plain, tools: [strict, plainly] })).toEqual({
      model: 'gpt-4o',
      max_tokens: 100,
      messages: [hello],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Tells the weather.',
            parameters: weather.input_schema,
            strict: true
          }
        },
        { type: 'function', function: { name: 'now', parameters: { type: 'object' } } }
      ]
    })
  })

  it.each([
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [{ type: 'any', disable_parallel_tool_use: false }, { tool_choice: 'required' }],
    [{ type: 'none' }, { tool_choice: 'none' }],
    [
      { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
      { tool_choice: { type: 'function', function: { name: 'weather' } }, parallel_tool_calls: false }
    ]
  ])('chooses a tool as %j does', (choice, chosen) => {
    const request = crossed({ ...plain, tools: [weather], tool_choice: choice })
    const { tool_choice, parallel_tool_calls } = request ?? {}
    expect({ tool_choice, parallel_tool_calls }).toEqual({ parallel_tool_calls: undefined, ...chosen })
  })

  it('says nothing of a choice among no tools', () => {
    expect(crossed({ ...plain, tools: [], tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).toEqual(
      crossed(plain)
    )
    expect(why({ tool_choice: { type: 'any' } })).toBe('tool_choice: there is no tool to be chosen')
  })

  it.each(['output_config', 'output_format'])('asks for JSON by the schema in %s', (field) => {
    const format = { type: 'json_schema', schema: weather.input_schema }
    const request = crossed({ ...plain, [field]: field === 'output_config' ? { format, effort: null } : format })
    expect(request?.['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', schema: weather.input_schema, strict: true }
    })
  })

  it('carries the parameters that both have', () => {
    expect(crossed({ ...plain, temperature: 0, top_p: 0.5, stop_sequences: ['a', 'b'], stream: true })).toEqual({
      model: 'gpt-4o',
      messages: [hello],
      max_tokens: 100,
      temperature: 0,
      top_p: 0.5,
      stop: ['a', 'b'],
      stream: true
    })
  })

  it('leaves out what changes no answer, and what says nothing', () => {
    const silent: JsonObject = {
      metadata: { user_id: 'u' },
      cache_control: { type: 'ephemeral' },
      diagnostics: { previous_message_id: null },
      thinking: { type: 'disabled' },
      service_tier: 'auto',
      speed: 'standard',
      mcp_servers: [],
      stop_sequences: [],
      container: null,
      top_k: null,
      of_tomorrow: null,
      temperature: null,
      stream: false
    }
    expect(crossed({ ...plain, ...silent })).toEqual(crossed(plain))
  })

  const image = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }
  const text = { type: 'text', text: 'x' }
  const says = (role: string, ...content: Json[]): { messages: Json } => ({ messages: [{ role, content }, hello] })
  const results = (block: Json): { messages: Json } =>
    says('user', { type: 'tool_result', tool_use_id: 'a', content: [block] })

  it.each<[string, JsonObject]>([
    ['the field top_k has no counterpart', { top_k: 5 }],
    ['the field thinking has no counterpart', { thinking: { type: 'enabled', budget_tokens: 1024 } }],
    ['the field thinking has no counterpart', { thinking: { type: 'adaptive' } }],
    ['the field service_tier has no counterpart', { service_tier: 'standard_only' }],
    ['the field speed has no counterpart', { speed: 'fast' }],
    ['the field container has no counterpart', { container: 'c' }],
    ['the field inference_geo has no counterpart', { inference_geo: 'us' }],
    ['the field context_management has no counterpart', { context_management: {} }],
    ['the field mcp_servers has no counterpart', { mcp_servers: [{ type: 'url', url: 'https://example.org' }] }],
    ['the field __proto__ has no counterpart', JSON.parse('{"__proto__": 1}')],
    ['the field output_config.effort has no counterpart', { output_config: { effort: 'high' } }],
    ['stop_sequences: a chat takes at most 4, got 5', { stop_sequences: ['a', 'b', 'c', 'd', 'e'] }],
    ['stop_sequences[0]: expected a text, got 5', { stop_sequences: [5] }],
    ['system[0].type: "image" has no counterpart here', { system: [image] }],
    ['tools[0].type: "web_search_20250305" has no counterpart here', { tools: [{ type: 'web_search_20250305' }] }],
    ['tools[0].type: "bash_20250124" has no counterpart here', { tools: [{ type: 'bash_20250124', name: 'bash' }] }],
    [
      'the field tools[1].input_examples has no counterpart',
      { tools: [weather, { ...weather, input_examples: [{}] }] }
    ],
    ['the field tools[0].defer_loading has no counterpart', { tools: [{ ...weather, defer_loading: true }] }],
    ['the field tools[0].allowed_callers has no counterpart', { tools: [{ ...weather, allowed_callers: ['code'] }] }],
    [
      'tools[0].name: expected at most 64 letters, digits, _ and -, got "a.b"',
      { tools: [{ ...weather, name: 'a.b' }] }
    ],
    [
      'tools[0].input_schema: a strict schema requires each property, and city is optional',
      { tools: [{ ...weather, strict: true, input_schema: lax }] }
    ],
    [
      'tool_choice.type: "of_tomorrow" has no counterpart here',
      { tools: [weather], tool_choice: { type: 'of_tomorrow' } }
    ],
    [
      'output_config.format.schema: a strict schema requires each property, and city is optional',
      { output_config: { format: { type: 'json_schema', schema: lax } } }
    ],
    ['output_format.type: "grammar" has no counterpart here', { output_format: { type: 'grammar' } }],
    [
      'output_format: output_config.format is there as well',
      { output_format: { type: 'json_schema' }, output_config: { format: { type: 'json_schema' } } }
    ],
    [
      "messages: the last turn is the assistant's, and a chat does not go on with what it has begun",
      { messages: [hello, { role: 'assistant', content: 'The best answer is (' }] }
    ],
    ['messages[0].role: expected user, assistant or system, got "tool"', says('tool', text)],
    ['the field messages[0].name has no counterpart', { messages: [{ ...hello, name: 'x' }] }],
    [
      'messages[0].content[1].type: "search_result" has no counterpart here',
      says('user', text, { type: 'search_result' })
    ],
    ['messages[0].content[0].type: "image" has no counterpart here', says('assistant', image)],
    [
      'messages[0].content[0].type: "server_tool_use" has no counterpart here',
      says('assistant', { type: 'server_tool_use' })
    ],
    ['messages[0].content[0].content[0].type: "image" has no counterpart here', results(image)],
    [
      'messages[0].content[0].content[0].type: "tool_reference" has no counterpart here',
      results({ type: 'tool_reference' })
    ],
    [
      'messages[0].content[0].source.type: "file" has no counterpart here',
      says('user', { type: 'image', source: { type: 'file', file_id: 'f' } })
    ],
    [
      'the field messages[0].content[0].transformations has no counterpart',
      says('user', { ...image, transformations: { oversized_image: 'error' } })
    ],
    ['the field messages[0].content[0].citations has no counterpart', says('assistant', { ...text, citations: [{}] })],
    [
      'messages[0].content[0].source.type: "url" has no counterpart here',
      says('user', { type: 'document', source: { type: 'url', url: 'https://example.org/a.pdf' } })
    ],
    [
      'the field messages[0].content[0].title has no counterpart',
      says('user', { type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'x' } })
    ],
    [
      'the field messages[0].content[0].context has no counterpart',
      says('user', {
        type: 'document',
        context: 'C',
        source: { type: 'base64', media_type: 'application/pdf', data: '' }
      })
    ],
    [
      'the field messages[0].content[0].citations has no counterpart',
      says('user', { type: 'document', citations: { enabled: true }, source: { type: 'content', content: 'x' } })
    ],
    [
      'the field messages[0].content[0].caller has no counterpart',
      says('assistant', {
        type: 'tool_use',
        id: 'a',
        name: 'f',
        input: {},
        caller: { type: 'code_execution_20250825' }
      })
    ],
    [
      'messages[0].content[0].input: expected an object, got "x"',
      says('assistant', { type: 'tool_use', id: 'a', name: 'f', input: 'x' })
    ]
  ])('is none, because %s', (reason, more) => {
    expect(why(more)).toBe(reason)
  })

  it('is none where it is nested deeper than can be written', () => {
    let deep: JsonObject = {}
    for (let depth = 0; depth < 100_000; depth++) deep = { deep }
    const use = { type: 'tool_use', id: 'a', name: 'f', input: deep }
    expect(why({}, [{ role: 'assistant', content: [use] }, hello])).toBe('the request is nested too deep')
  })

  it('changes nothing of the caller’s request', () => {
    const request = { ...plain, system: [{ type: 'text', text: 'x' }], tools: [weather], stop_sequences: ['a'] }
    const before = structuredClone(request)
    messagesToChat.request(request, 'gpt-4o')
    expect(request).toEqual(before)
  })

  const textBlock = someText.map((text): JsonObject => ({ type: 'text', text }))
  const content = fc.oneof(someText, fc.array(textBlock, { minLength: 1, maxLength: 3 }))
  const userBlock = fc.oneof(
    textBlock,
    someText.map((url): JsonObject => ({ type: 'image', source: { type: 'url', url } })),
    someText.map(
      (data): JsonObject => ({ type: 'document', source: { type: 'text', media_type: 'text/plain', data } })
    ),
    fc
      .tuple(content, fc.boolean())
      .map(([content, is_error]): JsonObject => ({ type: 'tool_result', tool_use_id: 'a', content, is_error }))
  )
  const assistantBlock = fc.oneof(
    textBlock,
    someText.map((text): JsonObject => ({ type: 'tool_use', id: 'a', name: 'f', input: { text } }))
  )
  const turn = fc.oneof(
    fc
      .oneof(someText, fc.array(userBlock, { minLength: 1, maxLength: 4 }))
      .map((said) => ({ role: 'user', content: said })),
    fc
      .oneof(someText, fc.array(assistantBlock, { minLength: 1, maxLength: 4 }))
      .map((said) => ({ role: 'assistant', content: said })),
    content.map((said) => ({ role: 'system', content: said }))
  )
  const anyRequest = fc.record({
    model: fc.constant('claude-x'),
    max_tokens: fc.nat(),
    system: content,
    messages: fc.array(turn, { maxLength: 4 }).map((turns): Json[] => [...turns, hello]),
    tools: fc.array(
      someText.map((description) => ({ name: 'f', description, input_schema: { type: 'object' } })),
      { maxLength: 2 }
    ),
    stop_sequences: fc.array(someText, { maxLength: 4 })
  })

  it('loses no text', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const all = textsIn(crossed(request) ?? {}).concat('user', 'assistant', 'system')
        for (const text of saidTexts(request)) expect(all.some((one) => one.includes(text))).toBe(true)
      })
    )
  })
})

const naming = new Set(['type', 'role', 'model', 'media_type', 'id', 'tool_use_id', 'name'])

/** Every text of a request that is not the name of something. */
function saidTexts(value: Json): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(saidTexts)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([field, inner = null]) => (naming.has(field) ? [] : saidTexts(inner)))
}

/** Every text in a request; arguments as what they say. */
function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([field, inner = null]) =>
    field === 'arguments' && typeof inner === 'string' ? textsIn(JSON.parse(inner)) : textsIn(inner)
  )
}
