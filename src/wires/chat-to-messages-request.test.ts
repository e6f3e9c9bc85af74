import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainJson } from '../../test/support/arbitrary-json.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { chatToMessages } from './chat-to-messages.ts'
import { defaultMaxTokens } from './chat-to-messages-request.ts'

const question = { role: 'user', content: 'Hi' }
const minimal: JsonObject = { model: 'gpt-5', messages: [question] }

function cross(fields: JsonObject): JsonObject {
  const { request, unsuitable } = chatToMessages.request({ ...minimal, ...fields }, 'claude')
  expect(unsuitable).toBeUndefined()
  return request ?? {}
}

function whyNot(fields: JsonObject): string | undefined {
  return chatToMessages.request({ ...minimal, ...fields }, 'claude').unsuitable
}

function whyNotSaid(...messages: readonly Json[]): string | undefined {
  return whyNot({ messages })
}

const call = (id: string, name = 'weather', given = '{"city":"Paris"}'): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: given }
})

describe('a crossed request', () => {
  it('is the smallest one that Anthropic takes', () => {
    expect(cross({})).toEqual({
      model: 'claude',
      max_tokens: defaultMaxTokens,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }]
    })
  })

  it('keeps what can be said in both dialects', () => {
    expect(
      cross({ max_completion_tokens: 99, temperature: 0.3, stop: ['END', '\nUser'], stream: true, top_p: 1 })
    ).toMatchObject({ max_tokens: 99, temperature: 0.3, stop_sequences: ['END', '\nUser'], stream: true })
    expect(cross({ max_tokens: 7, top_p: 0.5, stop: 'END' })).toMatchObject({
      max_tokens: 7,
      top_p: 0.5,
      stop_sequences: ['END']
    })
  })

  it('says nothing of what is only between the caller and its own provider, nor of what says nothing', () => {
    const fields = {
      stream: false,
      stream_options: { include_usage: true },
      user: 'u',
      metadata: { a: 'b' },
      store: true,
      prompt_cache_key: 'k',
      prompt_cache_options: { mode: 'explicit' },
      n: 1,
      temperature: 1,
      top_p: null,
      logprobs: false,
      logit_bias: {},
      presence_penalty: 0,
      frequency_penalty: null,
      seed: null,
      response_format: { type: 'text' },
      service_tier: 'auto',
      modalities: ['text'],
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      stop: [],
      x_unknown: null
    }
    expect(cross(fields)).toEqual(cross({}))
  })

  it.each<[string, JsonObject]>([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['seed', { seed: 0 }],
    ['logit_bias', { logit_bias: { 50256: -100 } }],
    ['presence_penalty', { presence_penalty: 0.5 }],
    ['frequency_penalty', { frequency_penalty: -0.5 }],
    ['audio', { audio: { voice: 'alloy', format: 'mp3' } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['prediction', { prediction: { type: 'content', content: 'x' } }],
    ['functions', { functions: [{ name: 'f' }] }],
    ['function_call', { function_call: 'auto' }],
    ['web_search_options', { web_search_options: {} }],
    ['moderation', { moderation: { model: 'm' } }],
    ['service_tier', { service_tier: 'flex' }],
    ['verbosity', { verbosity: 'low' }],
    ['top_k', { top_k: 4 }],
    ['__proto__', JSON.parse('{"__proto__": 1}')]
  ])('does not do without %s', (field, fields) => {
    expect(whyNot(fields)).toBe(`the field ${field} has no counterpart`)
  })

  it.each<[string, JsonObject]>([
    ['temperature: expected a number from 0 to 1, got 1.2', { temperature: 1.2 }],
    ['temperature: expected a number from 0 to 1, got "hot"', { temperature: 'hot' }],
    ['top_p: expected a number from 0 to 1, got 3', { top_p: 3 }],
    ['top_p: has no counterpart beside a temperature', { temperature: 0, top_p: 0.5 }],
    ['stop: expected texts of more than white space, got "\\n"', { stop: ['END', '\n'] }],
    ['max_completion_tokens: expected a whole number of at least 1, got 0', { max_tokens: 0 }],
    ['max_tokens: max_completion_tokens says another limit', { max_tokens: 5, max_completion_tokens: 6 }],
    ['response_format: "json_object" has no counterpart', { response_format: { type: 'json_object' } }],
    ['reasoning_effort: "minimal" has no counterpart', { reasoning_effort: 'minimal' }]
  ])('says why not: %s', (why, fields) => {
    expect(whyNot(fields)).toBe(why)
  })

  it('asks for the same effort, and none by its other word', () => {
    expect(cross({ reasoning_effort: 'high' })['output_config']).toEqual({ effort: 'high' })
    expect(cross({ reasoning_effort: 'none' })['thinking']).toEqual({ type: 'disabled' })
    expect(cross({ reasoning_effort: 'none' })).not.toHaveProperty('output_config')
  })

  it('never throws, whatever a body holds that the wire lets through', () => {
    const field = fc.constantFrom('messages', 'tools', 'tool_choice', 'response_format', 'stop', 'max_tokens', 'n')
    const message = fc.record(
      {
        role: fc.constantFrom('system', 'user', 'assistant', 'tool', 'x'),
        content: fc.oneof(
          plainJson,
          fc.array(
            fc.record({ type: fc.constantFrom('text', 'image_url', 'file'), text: plainJson, image_url: plainJson })
          )
        ),
        tool_calls: plainJson,
        tool_call_id: plainJson
      },
      { requiredKeys: ['role'] }
    )
    fc.assert(
      fc.property(
        fc.dictionary(field, plainJson),
        fc.array(message, { minLength: 1, maxLength: 4 }),
        (fields, messages) => {
          const { request, unsuitable } = chatToMessages.request({ model: 'm', messages, ...fields }, 'claude')
          expect(request === undefined).toBe(typeof unsuitable === 'string')
        }
      ),
      { numRuns: 500 }
    )
  })
})

describe('crossed messages', () => {
  it('have their instructions apart, in order', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'Be kind.' },
          { type: 'text', text: 'Be true.' }
        ]
      },
      question
    ]
    expect(cross({ messages })['system']).toEqual([
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.' },
      { type: 'text', text: 'Be true.' }
    ])
  })

  it('carry pictures and documents', () => {
    const content = [
      { type: 'text', text: 'What are these?', prompt_cache_breakpoint: { mode: 'explicit' } },
      { type: 'image_url', image_url: { url: 'https://example.org/a.png', detail: 'auto' } },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      { type: 'image_url', image_url: { url: 'data:image/jpg;charset=x;base64,BBBB', detail: 'high' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,CCCC' } }
    ]
    expect(cross({ messages: [{ role: 'user', content }] })['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What are these?' },
          { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'BBBB' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'CCCC' },
            title: 'a.pdf'
          }
        ]
      }
    ])
  })

  it('put all results of a turn first in the next one, and join neighbours of one role', () => {
    const messages = [
      question,
      { role: 'user', content: 'Weather in Paris and Rome?' },
      {
        role: 'assistant',
        content: 'I look.',
        refusal: null,
        annotations: [],
        audio: null,
        tool_calls: [call('a'), call('b', 'weather', '')]
      },
      { role: 'tool', tool_call_id: 'b', content: 'rain', name: 'weather' },
      { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'sun' }] },
      { role: 'user', content: 'Well?' }
    ]
    expect(cross({ messages })['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi' },
          { type: 'text', text: 'Weather in Paris and Rome?' }
        ]
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Paris' } },
          { type: 'tool_use', id: 'b', name: 'weather', input: {} }
        ]
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b', content: 'rain' },
          { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'sun' }] },
          { type: 'text', text: 'Well?' }
        ]
      }
    ])
  })

  it('name calls anew that Anthropic would refuse, or that are named like one before', () => {
    const turn = (id: string): Json[] => [
      { role: 'assistant', content: null, tool_calls: [call(id)] },
      { role: 'tool', tool_call_id: id, content: '' }
    ]
    const { messages } = cross({ messages: [question, ...turn('f.x:0'), ...turn('call_0'), ...turn('call_0')] })
    const blocks = (messages as readonly { content: readonly { id?: string; tool_use_id?: string }[] }[]).flatMap(
      ({ content }) => content
    )
    const ids = blocks.flatMap(({ id }) => (id === undefined ? [] : [id]))
    expect(blocks.flatMap(({ tool_use_id: id }) => (id === undefined ? [] : [id]))).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(id).toMatch(/^[\w-]+$/)
  })

  it('keep what the assistant said when it refused', () => {
    const messages = [
      question,
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }], refusal: 'Never.' },
      question
    ]
    expect(cross({ messages })['messages']).toMatchObject([{}, { content: [{ text: 'No.' }, { text: 'Never.' }] }, {}])
  })

  it.each<[string, readonly Json[]]>([
    ['messages[1]: instructions after the conversation has begun', [question, { role: 'system', content: 'x' }]],
    ['messages: there is nothing but instructions', [{ role: 'system', content: 'x' }]],
    ['messages: the last word is with the assistant', [question, { role: 'assistant', content: 'x' }]],
    ['messages[0]: the first word is with the assistant', [{ role: 'assistant', content: 'x' }, question]],
    ['messages[0]: an empty message has no counterpart', [{ role: 'user', content: '' }]],
    ['messages[1]: an empty message has no counterpart', [question, { role: 'assistant', content: null }, question]],
    ['messages[0].content: a text of nothing but white space has no counterpart', [{ role: 'user', content: ' \n' }]],
    ['the field messages[0].name has no counterpart', [{ ...question, name: 'Ann' }]],
    ['messages[1].role: "function" has no counterpart', [question, { role: 'function', name: 'f', content: 'x' }]],
    [
      'the field messages[0].content[0].cache_control has no counterpart',
      [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] }]
    ],
    [
      'messages[0].content[0].type: "input_audio" has no counterpart here',
      [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }]
    ],
    [
      'the field messages[0].content[0].image_url.detail has no counterpart',
      [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.org/', detail: 'low' } }] }]
    ],
    [
      'the field messages[0].content[0].file.file_id has no counterpart',
      [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }]
    ],
    [
      'the field messages[1].reasoning_content has no counterpart',
      [question, { role: 'assistant', content: 'x', reasoning_content: 'Hm.' }, question]
    ],
    [
      'messages[1].tool_calls[0]: only calls of functions are carried over',
      [question, { role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'x', input: '' } }] }]
    ],
    [
      'messages[1].tool_calls[0].function.arguments: expected a JSON object, got "{\\"a\\":"',
      [question, { role: 'assistant', tool_calls: [call('a', 'f', '{"a":')] }]
    ],
    [
      'messages[1].tool_calls[0].function.arguments: expected a JSON object, got "[1]"',
      [question, { role: 'assistant', tool_calls: [call('a', 'f', '[1]')] }]
    ],
    [
      'messages[1].tool_calls[0].function.arguments: 12345678901234567890 cannot be kept',
      [question, { role: 'assistant', tool_calls: [call('a', 'f', '{"id":12345678901234567890}')] }]
    ],
    [
      'messages[1].tool_calls[1].id: two calls are named a',
      [question, { role: 'assistant', tool_calls: [call('a'), call('a')] }]
    ],
    [
      'messages[2]: the tool call a has no result before it',
      [question, { role: 'assistant', tool_calls: [call('a')] }, question]
    ],
    ['messages: the tool call a has no result before it', [question, { role: 'assistant', tool_calls: [call('a')] }]],
    [
      'messages[1].tool_call_id: "z" is no call that waits for its result',
      [question, { role: 'tool', tool_call_id: 'z', content: 'x' }]
    ],
    [
      'the field messages[2].name has no counterpart',
      [
        question,
        { role: 'assistant', tool_calls: [call('a')] },
        { role: 'tool', tool_call_id: 'a', content: 'x', name: 'y' }
      ]
    ]
  ])('say why not: %s', (why, messages) => {
    expect(whyNotSaid(...messages)).toBe(why)
  })

  it.each(['http://example.org/a.png', 'data:image/svg+xml;base64,AAAA', 'data:image/png,raw', 'file-123', ''])(
    'do not carry the picture %s',
    (url) => {
      expect(whyNotSaid({ role: 'user', content: [{ type: 'image_url', image_url: { url } }] })).toMatch(
        /^messages\[0\]\.content\[0\]\.image_url\.url: expected an https address or a base64 data: URL/
      )
    }
  )
})

describe('crossed tools', () => {
  const parameters = { type: 'object', properties: { city: { type: 'string', minLength: 1 } }, required: ['city'] }
  const tool = (more: JsonObject = {}): JsonObject => ({ type: 'function', function: { name: 'weather', ...more } })

  it('keep their names, descriptions and schemas', () => {
    expect(
      cross({
        tools: [tool({ description: 'Tells it.', parameters: { $schema: 'x', ...parameters }, strict: false }), tool()]
      })['tools']
    ).toEqual([
      { name: 'weather', description: 'Tells it.', input_schema: parameters },
      { name: 'weather', input_schema: { type: 'object', properties: {} } }
    ])
  })

  it('are strict where they were', () => {
    const closed = { type: 'object', properties: {}, additionalProperties: false }
    expect(cross({ tools: [tool({ parameters: closed, strict: true })] })['tools']).toEqual([
      { name: 'weather', input_schema: closed, strict: true }
    ])
    expect(whyNot({ tools: [tool({ parameters, strict: true })] })).toBe(
      'tools[0].function.parameters.properties.city.minLength: 1 has no counterpart'
    )
  })

  it.each<[Json, JsonObject]>([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'weather' } },
      { type: 'tool', name: 'weather' }
    ]
  ])('are chosen as %j', (choice, chosen) => {
    expect(cross({ tools: [tool()], tool_choice: choice })['tool_choice']).toEqual(chosen)
    const alone = cross({ tools: [tool()], tool_choice: choice, parallel_tool_calls: false })
    // Where no tool may be called there is nothing to say of how many.
    const one = choice === 'none' ? {} : { disable_parallel_tool_use: true }
    expect(alone['tool_choice']).toEqual({ ...chosen, ...one })
  })

  it('are called one at a time where that is asked for', () => {
    expect(cross({ tools: [tool()], parallel_tool_calls: false })['tool_choice']).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true
    })
    expect(cross({ tools: [tool()] })).not.toHaveProperty('tool_choice')
  })

  it.each<[string, JsonObject]>([
    ['tool_choice: there are no tools to choose from', { tool_choice: 'required' }],
    ['tool_choice: "allowed_tools" has no counterpart', { tools: [tool()], tool_choice: { type: 'allowed_tools' } }],
    ['tools[0]: only functions are carried over', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
    ['the field tools[0].function.examples has no counterpart', { tools: [tool({ examples: [1] })] }],
    [
      'tools[0].function.parameters.type: expected "object", got "string"',
      { tools: [tool({ parameters: { type: 'string' } })] }
    ],
    [
      "tools[0].function.parameters.oneOf: has no counterpart at the top of a tool's schema",
      { tools: [tool({ parameters: { oneOf: [] } })] }
    ]
  ])('say why not: %s', (why, fields) => {
    expect(whyNot(fields)).toBe(why)
  })
})

describe('a crossed JSON schema', () => {
  const closed = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    ...more
  })
  const format = (schema: JsonObject, more: JsonObject = {}): JsonObject => ({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true, ...more } }
  })
  const plain = closed({
    city: { type: 'string', description: 'Where.' },
    when: { type: ['string', 'null'], format: 'date' },
    sky: { enum: ['sun', 'rain', null] },
    days: { type: 'array', items: { $ref: '#/$defs/day' }, minItems: 1 },
    more: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/day' }] }
  })
  const schema = { ...plain, $defs: { day: closed({ rain: { type: 'number' } }) } }

  it('is the format of the answer', () => {
    expect(cross(format({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }))).toMatchObject({
      output_config: { format: { type: 'json_schema', schema } }
    })
    expect(cross(format(schema))['output_config']).toEqual({ format: { type: 'json_schema', schema } })
  })

  it('stands beside an effort', () => {
    expect(cross({ ...format(schema), reasoning_effort: 'low' })['output_config']).toEqual({
      effort: 'low',
      format: { type: 'json_schema', schema }
    })
  })

  it('takes over the description that stands beside it', () => {
    expect(cross(format(closed({}), { description: 'The weather.' }))['output_config']).toEqual({
      format: { type: 'json_schema', schema: closed({}, { description: 'The weather.' }) }
    })
    expect(whyNot(format(closed({}, { description: 'Rain.' }), { description: 'Sun.' }))).toBe(
      'response_format.json_schema.description: its schema has another one'
    )
  })

  it.each<[string, JsonObject]>([
    ['.additionalProperties: expected false, got nothing', { type: 'object', properties: {} }],
    ['.additionalProperties: true has no counterpart', { type: 'object', additionalProperties: true }],
    ['.properties.a.minimum: 0 has no counterpart', closed({ a: { type: 'number', minimum: 0 } })],
    ['.properties.a.pattern: "^x" has no counterpart', closed({ a: { type: 'string', pattern: '^x' } })],
    ['.properties.a.format: "regex" has no counterpart', closed({ a: { type: 'string', format: 'regex' } })],
    ['.properties.a.minItems: 2 has no counterpart', closed({ a: { type: 'array', minItems: 2 } })],
    ['.properties.a: expected one of type, enum, const, anyOf, $ref', closed({ a: {} })],
    ['.properties.a: expected a schema, got true', closed({ a: true })],
    ['.properties.a.enum: a list has no counterpart', closed({ a: { enum: [{}] } })],
    [
      '.properties.a.$ref: expected a definition that does not lead back to itself, got "#"',
      closed({ a: { $ref: '#' } })
    ],
    [
      '.properties.a.$ref: expected a definition that does not lead back to itself, got "#/$defs/b"',
      closed({ a: { $ref: '#/$defs/b' } })
    ]
  ])('says why not: %s', (why, wrong) => {
    expect(whyNot(format(wrong))).toBe(`response_format.json_schema.schema${why}`)
  })

  it('does not lead back to itself', () => {
    const node = closed({ next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] } })
    expect(whyNot(format(closed({ first: { $ref: '#/$defs/node' } }, { $defs: { node } })))).toMatch(
      /\$ref: expected a definition that does not lead back to itself/
    )
  })

  it('is not followed for ever', () => {
    let deep: JsonObject = { type: 'string' }
    for (let depth = 0; depth < 5000; depth++) deep = { type: 'array', items: deep }
    expect(whyNot(format(closed({ deep })))).toMatch(/expected at most 100 schemas within each other$/)
  })
})

describe('the text of a request', () => {
  const text = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((said) => said.trim() !== '')
  const content = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }))
  const asContent = (said: string | readonly string[]): Json =>
    typeof said === 'string' ? said : said.map((one) => ({ type: 'text', text: one }))
  const round = fc.record({ user: content, assistant: fc.option(content), calls: fc.array(fc.tuple(text, content)) })

  it('is all there once it has crossed', () => {
    fc.assert(
      fc.property(fc.array(content), fc.array(round, { maxLength: 4 }), content, (system, rounds, last) => {
        let calls = 0
        const messages = [
          ...system.map((said) => ({ role: 'system', content: asContent(said) })),
          ...rounds.flatMap(({ user, assistant, calls: called }) => {
            const made = called.map(([given, result]) => ({ id: `call_${calls++}`, given, result }))
            const silent = assistant === null && made.length === 0
            return [
              { role: 'user', content: asContent(user) },
              {
                role: 'assistant',
                content: silent ? 'Well.' : assistant === null ? null : asContent(assistant),
                ...(made.length > 0
                  ? { tool_calls: made.map(({ id, given }) => call(id, 'f', JSON.stringify({ given }))) }
                  : {})
              },
              ...made.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: asContent(result) }))
            ]
          }),
          { role: 'user', content: asContent(last) }
        ]
        const crossed = new Set(stringsIn(cross({ messages })))
        const said = [system, rounds.flatMap(({ user, assistant, calls: made }) => [user, assistant ?? [], made]), last]
        for (const one of stringsIn(said as Json)) expect(crossed).toContain(one)
      }),
      { numRuns: 200 }
    )
  })
})

function stringsIn(value: Json | undefined): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}
