import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson, anyText, objectOf } from '../../test/support/arbitrary-json.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { llmKind } from './llm-kind.ts'
import { wires } from './open.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiEmbeddings } from './openai-embeddings.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Wire, WireLikeness } from './wire.ts'
import { WireContent } from './wire-request.ts'

const question = 'Which is the largest planet?'
const history: Json = [
  { role: 'user', content: 'Name two planets.' },
  { role: 'assistant', content: 'Mars and Venus.' }
]
const user = (content: Json): JsonObject => ({ role: 'user', content })

function chat(content: Json, more: JsonObject = {}): JsonObject {
  return { model: 'm', messages: [{ role: 'system', content: 'Be brief.' }, user(content)], ...more }
}

function messages(content: Json, more: JsonObject = {}): JsonObject {
  return { model: 'm', max_tokens: 9, system: 'Be brief.', messages: [user(content)], ...more }
}

function responses(input: Json, more: JsonObject = {}): JsonObject {
  return { model: 'm', instructions: 'Be brief.', input, ...more }
}

describe('law 4: alike means the same in everything but the wording of the last user turn', () => {
  it('openai-chat compares the last text, and keeps all the rest as it is', () => {
    const settings = { temperature: 0.2, seed: 1, n: 3, response_format: { type: 'json_object' }, x_new: [1] }
    expect(openaiChat.likeness(chat(question, { ...settings, stream: true, user: 'u' }))).toEqual({
      text: question,
      within: { ...chat(null), ...settings }
    })
  })

  it('openai-chat compares the last of several texts: a document stays, the question about it may be worded otherwise', () => {
    const document = { type: 'text', text: 'A long document', cache_control: { type: 'ephemeral' } }
    const last = (text: Json): Json => [document, { type: 'text', text, x: 1 }]
    expect(openaiChat.likeness(chat(last(question)))).toEqual({ text: question, within: chat(last(null)) })
  })

  it('openai-responses compares an input that is a text', () => {
    expect(openaiResponses.likeness(responses(question, { store: false, stream: true }))).toEqual({
      text: question,
      within: responses(null, { store: false })
    })
  })

  it.each([{}, { type: 'message' }, { type: 'message', status: 'completed' }])(
    'openai-responses compares the last message of a list (%j)',
    (more) => {
      const input = (content: Json): Json => [...(history as Json[]), { ...user(content), ...more }]
      expect(openaiResponses.likeness(responses(input(question)))).toEqual({
        text: question,
        within: responses(input(null))
      })
      const parts = (text: Json): Json => [
        { type: 'input_text', text: 'A document' },
        { type: 'input_text', text }
      ]
      expect(openaiResponses.likeness(responses(input(parts(question))))).toEqual({
        text: question,
        within: responses(input(parts(null)))
      })
    }
  )

  it('anthropic-messages compares the last text block', () => {
    const thinking = { thinking: { type: 'enabled', budget_tokens: 1024 }, stop_sequences: ['END'] }
    const blocks = (text: Json): Json => [{ type: 'text', text, cache_control: { type: 'ephemeral' } }]
    expect(anthropicMessages.likeness(messages(blocks(question), { ...thinking, metadata: { user_id: 'u' } }))).toEqual(
      { text: question, within: messages(blocks(null), thinking) }
    )
  })

  it.each([
    [openaiChat, { model: 'm', messages: [user('First.'), user(question)] }, 'messages'],
    [anthropicMessages, { model: 'm', max_tokens: 9, messages: [user('First.'), user(question)] }, 'messages'],
    [openaiResponses, { model: 'm', input: [user('First.'), user(question)] }, 'input']
  ] as const)('of user messages in a row $name compares the last only', (wire, request, field) => {
    expect(wire.likeness(request)).toEqual({
      text: question,
      within: { ...request, [field]: [user('First.'), user(null)] }
    })
  })

  it('a question that leans on earlier turns is alike only to one that leans on the same', () => {
    const within = (first: string): Json | undefined =>
      openaiChat.likeness({
        model: 'm',
        messages: [user(first), { role: 'assistant', content: 'A, B.' }, user('And the second one?')]
      })?.within
    expect(canonical(within('Two letters?') ?? null)).not.toBe(canonical(within('Two names?') ?? null))
  })

  it('gives the text as it was sent', () => {
    expect(openaiChat.likeness(chat('  WHY?\n'))?.text).toBe('  WHY?\n')
  })

  it('a text and a list of one text are kept apart', () => {
    expect(openaiChat.likeness(chat(question))?.within).not.toEqual(
      openaiChat.likeness(chat([{ type: 'text', text: question }]))?.within
    )
  })
})

describe('only an identical request gets the answer', () => {
  const tool = { type: 'function', function: { name: 'pay' } }

  it.each<[Wire, JsonObject]>([
    // Offers that let the answer act, or look something up.
    [openaiChat, { tools: [tool] }],
    [openaiChat, { tools: 'all' }],
    [openaiChat, { functions: [{ name: 'pay' }] }],
    [openaiChat, { tool_choice: 'auto' }],
    [openaiChat, { function_call: 'auto' }],
    [openaiChat, { web_search_options: {} }],
    [openaiChat, { plugins: [{ id: 'web' }] }],
    [openaiChat, { search_parameters: { mode: 'auto' } }],
    [anthropicMessages, { tools: [{ name: 'pay', input_schema: {} }] }],
    [anthropicMessages, { tool_choice: { type: 'any' } }],
    [anthropicMessages, { mcp_servers: [{ url: 'https://x' }] }],
    [anthropicMessages, { mcp_servers: 'x' }],
    [anthropicMessages, { container: 'c' }],
    [anthropicMessages, { thread: { id: 't' } }],
    [openaiResponses, { tools: [tool] }],
    [openaiResponses, { tools: [{ type: 'mcp' }] }],
    [openaiResponses, { tool_choice: 'none' }],
    // What is asked leans on something that only the provider knows, or is to be leaned on later.
    [openaiResponses, { previous_response_id: 'resp_1' }],
    [openaiResponses, { conversation: 'conv_1' }],
    [openaiResponses, { prompt: { id: 'pmpt_1', version: '2' } }],
    [openaiResponses, { background: true }],
    [openaiResponses, { store: true }],
    // What is asked about is the text itself, word for word.
    [openaiChat, { logprobs: true }],
    [openaiChat, { top_logprobs: 2 }],
    [openaiChat, { moderation: { model: 'omni-moderation-latest' } }],
    [openaiChat, { prediction: { type: 'content', content: 'x' } }],
    [openaiChat, { echo: true }],
    [openaiChat, { prompt_logprobs: 0 }],
    [openaiChat, { continue_final_message: true }],
    [openaiChat, { return_token_ids: true }],
    [openaiResponses, { top_logprobs: 2 }],
    [openaiResponses, { include: ['message.output_text.logprobs'] }],
    [openaiResponses, { moderation: { model: 'omni-moderation-latest' } }],
    // An answer that is spoken.
    [openaiChat, { modalities: ['text', 'audio'] }],
    [openaiChat, { audio: { voice: 'alloy', format: 'mp3' } }]
  ])('$name with %j', (wire, more) => {
    const base =
      wire === openaiChat ? chat(question) : wire === anthropicMessages ? messages(question) : responses(question)
    expect(wire.likeness(base)?.text).toBe(question)
    expect(wire.likeness({ ...base, ...more })).toBeUndefined()
  })

  it.each<[Wire, JsonObject]>([
    [openaiChat, { tools: [], functions: null, tool_choice: null, logprobs: false, modalities: ['text'], audio: null }],
    [anthropicMessages, { tools: [], mcp_servers: [], container: null, tool_choice: null }],
    [openaiResponses, { tools: [], previous_response_id: null, store: false, include: ['reasoning.encrypted_content'] }]
  ])('but not $name with %j, which asks for nothing', (wire, more) => {
    const base =
      wire === openaiChat ? chat(question) : wire === anthropicMessages ? messages(question) : responses(question)
    expect(wire.likeness({ ...base, ...more })?.text).toBe(question)
  })

  const text = { type: 'text', text: question }

  it.each<[Json]>([
    [null],
    [''],
    [' \n\t '],
    [5],
    [[]],
    [{ type: 'text', text: question }],
    [[text, { type: 'text', text: ' ' }]],
    [[{ type: 'text', text: null }]],
    [[{ text: question }]],
    [[question]],
    [[{ type: 'image_url', image_url: { url: 'data:' } }, text]],
    [[text, { type: 'input_audio', input_audio: { data: '' } }]],
    [[{ type: 'file', file: { file_id: 'f' } }, text]],
    [[{ type: 'image', source: { type: 'url', url: 'x' } }, text]],
    [[{ type: 'document', source: { type: 'text', data: 'x' } }, text]],
    [[{ type: 'tool_result', tool_use_id: 't', content: 'done' }, text]],
    [[{ type: 'text', text: question, tools: [{ name: 'pay' }] }]]
  ])('a last turn of %j has nothing to be compared', (content) => {
    expect(openaiChat.likeness(chat(content))).toBeUndefined()
    expect(anthropicMessages.likeness(messages(content))).toBeUndefined()
    if (typeof content !== 'string') expect(openaiResponses.likeness(responses([user(content)]))).toBeUndefined()
  })

  it.each<[Json]>([
    [
      [
        { type: 'input_image', image_url: 'data:' },
        { type: 'input_text', text: question }
      ]
    ],
    [
      [
        { type: 'input_file', file_id: 'f' },
        { type: 'input_text', text: question }
      ]
    ]
  ])('nor has one of %j', (content) => {
    expect(openaiResponses.likeness(responses([user(content)]))).toBeUndefined()
  })

  it.each(['assistant', 'system', 'developer', 'tool', 'function', undefined])('nor a last turn of %s', (role) => {
    const last: JsonObject = { ...(role === undefined ? {} : { role }), content: question }
    expect(openaiChat.likeness({ model: 'm', messages: [user('Hi'), last] })).toBeUndefined()
    expect(anthropicMessages.likeness({ model: 'm', max_tokens: 9, messages: [user('Hi'), last] })).toBeUndefined()
    expect(openaiResponses.likeness({ model: 'm', input: [user('Hi'), last] })).toBeUndefined()
  })

  it.each<[Json | undefined]>([
    [undefined],
    [''],
    [' '],
    [[]],
    [[{ type: 'function_call_output', call_id: 'c', output: 'done' }]],
    [[{ type: 'item_reference', id: 'msg_1', role: 'user', content: question }]],
    [[{ type: 'additional_tools', role: 'developer', tools: [{ type: 'shell' }] }, user(question)]],
    [[{ type: 'mcp_list_tools', server_label: 's', tools: [{ name: 'pay' }] }, user(question)]]
  ])('nor a Responses input of %j', (input) => {
    expect(openaiResponses.likeness({ model: 'm', ...(input === undefined ? {} : { input }) })).toBeUndefined()
  })

  it('nor an Anthropic conversation that tools have been added to', () => {
    const added = user([{ type: 'tool_addition', tool: { name: 'pay', input_schema: {} } }])
    expect(anthropicMessages.likeness({ ...messages(question), messages: [added, user(question)] })).toBeUndefined()
  })

  it('nor a part of another dialect', () => {
    expect(openaiChat.likeness(chat([{ type: 'input_text', text: question }]))).toBeUndefined()
    expect(anthropicMessages.likeness(messages([{ type: 'input_text', text: question }]))).toBeUndefined()
    expect(openaiResponses.likeness(responses([user([text])]))).toBeUndefined()
  })

  it('nor embeddings', () => {
    expect(openaiEmbeddings.likeness({ model: 'm', input: question })).toBeUndefined()
  })
})

/** Puts the text back where it was taken from, knowing nothing but what a likeness says. */
function restored({ text, within }: WireLikeness, field: string): JsonObject {
  const turns = within[field]
  if (!Array.isArray(turns)) return { ...within, [field]: text }
  const last: JsonObject = turns.at(-1)
  const parts = last['content']
  const content = Array.isArray(parts) ? [...parts.slice(0, -1), { ...parts.at(-1), text }] : text
  return { ...within, [field]: [...turns.slice(0, -1), { ...last, content }] }
}

const roles = fc.constantFrom('user', 'user', 'user', 'assistant', 'system', 'tool')
const partTypes = fc.constantFrom('text', 'text', 'input_text', 'input_text', 'image')

const part: fc.Arbitrary<Json> = fc
  .tuple(
    fc.record({ type: partTypes, text: fc.oneof({ weight: 9, arbitrary: anyText }, anyJson) }),
    someFields('cache_control', 'tools')
  )
  .map(([base, more]) => ({ ...more, ...base }))

const content: fc.Arbitrary<Json> = fc.oneof(
  { weight: 5, arbitrary: anyText },
  { weight: 5, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: anyJson }
)

const turn: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.record({ role: roles, content }), someFields('name', 'id', 'type', 'content', '__proto__'))
  .map(([base, more]) => ({ ...more, ...base }))

const settings = someFields(
  'temperature',
  'system',
  'stream',
  'metadata',
  'store',
  'user',
  'tools',
  'include',
  '__proto__'
)

const turns = fc.array(turn, { minLength: 1, maxLength: 3 })

function someFields(...names: readonly string[]): fc.Arbitrary<JsonObject> {
  return fc.oneof(fc.constant({}), objectOf(fc.constantFrom(...names), anyJson))
}

function requestsOf({ name }: Wire): fc.Arbitrary<JsonObject> {
  const input: fc.Arbitrary<Json> = fc.oneof(turns, anyText, fc.array(anyJson, { maxLength: 3 }))
  const said = name === 'openai-responses' ? fc.record({ input }) : fc.record({ messages: turns })
  return fc.tuple(settings, said).map(([more, base]) => ({ ...more, model: 'm', max_tokens: 9, ...base }))
}

/** Another request: one value within it is replaced, taken away or put in. */
function changed(request: JsonObject): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }), fc.option(anyJson, { nil: undefined }))
    .map(([path, value]) => changeAt(request, path, value) as JsonObject)
}

function changeAt(value: Json | undefined, path: readonly number[], instead: Json | undefined): Json | undefined {
  const [step = 0, ...rest] = path
  if (typeof value !== 'object' || value === null) return instead
  if (Array.isArray(value)) {
    const at = step % (value.length + 1)
    const inner = rest.length === 0 ? instead : changeAt(value[at], rest, instead)
    return [...value.slice(0, at), ...(inner === undefined ? [] : [inner]), ...value.slice(at + 1)]
  }
  const fields = Object.entries(value)
  const [name = 'x'] = fields[step % (fields.length + 1)] ?? []
  const inner = rest.length === 0 ? instead : changeAt((value as JsonObject)[name], rest, instead)
  const others = fields.filter(([field]) => field !== name)
  return Object.fromEntries(inner === undefined ? others : [...others, [name, inner]])
}

describe.each(wires.map((wire) => [wire.name, wire] as const))('%s', (name, wire) => {
  const field = name === 'openai-responses' ? 'input' : 'messages'
  const identityOf = (request: JsonObject): string => canonical(wire.identity(request))

  it('never throws, and what it gives can be put together again: two identities never look alike and equal', () => {
    let compared = 0
    fc.assert(
      fc.property(requestsOf(wire), (request) => {
        const before = canonical(request)
        const likeness = wire.likeness(request)
        expect(canonical(request)).toBe(before)
        if (likeness === undefined) return
        compared++
        expect(likeness.text.trim()).not.toBe('')
        expect(canonical(restored(likeness, field))).toBe(identityOf(request))
      }),
      { numRuns: 1000 }
    )
    expect(compared).toBeGreaterThan(50)
  })

  it('never throws on what the endpoint would be asked', () => {
    const anything = objectOf(fc.constantFrom('role', 'content', 'type', 'text'), anyJson)
    fc.assert(
      fc.property(someFields('tools', 'modalities', 'include', 'prompt', 'store'), fc.array(anything), (more, said) => {
        const request: JsonObject = { ...more, model: 'm', max_tokens: 9, [field]: said }
        if (wire.check(request) === undefined) wire.likeness(request)
      })
    )
  })

  it('a change of anything but the last text changes what must be the same, or leaves nothing to compare', () => {
    const pair = requestsOf(wire).chain((request) => fc.tuple(fc.constant(request), changed(request)))
    let told = 0
    fc.assert(
      fc.property(pair, ([request, other]) => {
        const [mine, its] = [wire.likeness(request), wire.likeness(other)]
        if (mine === undefined || its === undefined) return
        const same = identityOf(request) === identityOf(other)
        expect(canonical([mine.text, mine.within]) === canonical([its.text, its.within])).toBe(same)
        if (!same) told++
      }),
      { numRuns: 3000 }
    )
    expect(told).toBeGreaterThan(50)
  })

  it('a change of the last text alone changes nothing else', () => {
    let changes = 0
    fc.assert(
      fc.property(requestsOf(wire), anyText, (request, text) => {
        const likeness = wire.likeness(request)
        if (likeness === undefined) return
        const other = wire.likeness(restored({ ...likeness, text }, field))
        if (text.trim() === '') expect(other).toBeUndefined()
        else expect(other).toEqual({ text, within: likeness.within })
        changes++
      }),
      { numRuns: 500 }
    )
    expect(changes).toBeGreaterThan(25)
  })
})

describe('the kind', () => {
  const raw = '{"model":"m","messages":[{"role":"user","content":"Hi there"}],"seed":9007199254740992}'

  function withinOf(text: string, query = '', versions = {}): string {
    const content = new WireContent(openaiChat, Buffer.from(text), query, versions)
    return canonical(llmKind(openaiChat).likeness?.({ content, headers: {} })?.within ?? 'nothing')
  }

  it('keeps wire, query, versions and numbers the same, and lets the words differ', () => {
    const others = [
      withinOf(raw),
      withinOf(raw.replace('0992', '0993')),
      withinOf(raw, '?beta=true'),
      withinOf(raw, '', { 'openai-beta': 'a' })
    ]
    expect(new Set(others).size).toBe(4)
    expect(withinOf(raw.replace('Hi there', 'Hello'))).toBe(withinOf(raw))
    expect(withinOf(raw)).toContain('openai-chat')
  })

  it('has nothing to compare where its wire has not', () => {
    expect(withinOf(raw.replace('"Hi there"', 'null'))).toBe('"nothing"')
  })
})
