import Anthropic from '@anthropic-ai/sdk'
import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { makeStand } from '../support/gateway.ts'

/** The same value each time; typed as what it is, and not as readonly. */
function always<Value>(value: Value): fc.Arbitrary<Value> {
  return fc.constant(value) as fc.Arbitrary<Value>
}

const anything = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  fc.constantFrom('Use the tool, please.', 'Say it in 日本語 👩‍👩‍👧.')
)
// Never only blanks, and the word that a provider wants to see before it answers in JSON.
const text = anything.map((part) => `As json: ${part}`)
const tool = {
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: {
    type: 'object',
    properties: { word: { type: 'string' }, times: { type: 'integer' } },
    required: ['word']
  }
}

const chat = fc.record(
  {
    messages: text.map((content) => [{ role: 'user' as const, content }]),
    n: fc.integer({ min: 1, max: 3 }),
    logprobs: always(true),
    tools: always([{ type: 'function' as const, function: tool }]),
    response_format: always({ type: 'json_object' as const }),
    temperature: fc.double({ min: 0, max: 2, noNaN: true })
  },
  { requiredKeys: ['messages'] }
)
const message = fc.record(
  {
    messages: text.map((content) => [{ role: 'user' as const, content }]),
    system: text,
    tools: always([
      { name: tool.name, description: tool.description, input_schema: { ...tool.parameters, type: 'object' as const } }
    ]),
    thinking: always({ type: 'enabled' as const, budget_tokens: 1024 })
  },
  { requiredKeys: ['messages'] }
)
const response = fc.record(
  {
    input: text,
    instructions: text,
    tools: always([{ type: 'function' as const, strict: false, ...tool }]),
    reasoning: always({ effort: 'low' as const, summary: 'auto' as const })
  },
  { requiredKeys: ['input'] }
)

/** Without the padding that hides how long a stream's pieces are, which says nothing of the answer. */
function padless(answer: object): object {
  const { obfuscation: _padding, ...rest } = answer as { obfuscation?: unknown }
  return rest
}

describe('unfold(fold(events))', () => {
  it.each([17, 150, 100_000])(
    "is the same answer to the official SDKs as the provider's own events, cut into %i bytes",
    async (cut) => {
      // Equal requests get equal answers, ids and dates included, so that whole answers can be compared.
      const stand = await makeStand({}, { repeatable: true, cut })
      const { provider, gateway } = stand
      const clients = (base: string) => ({
        openai: new OpenAI({ apiKey: 'sk-a', baseURL: `${base}/v1`, maxRetries: 0 }),
        anthropic: new Anthropic({ apiKey: 'sk-a', baseURL: base, maxRetries: 0 })
      })
      const direct = clients(provider.url)
      const cached = clients(gateway.url)
      type Clients = typeof direct
      async function same(ask: (from: Clients) => Promise<object>): Promise<void> {
        const said = padless(await ask(direct))
        // Asked twice: passed on while it was folded, and unfolded from what was kept.
        expect(padless(await ask(cached))).toEqual(said)
        const before = provider.count()
        expect(padless(await ask(cached))).toEqual(said)
        expect(provider.count()).toBe(before)
      }
      try {
        await fc.assert(
          fc.asyncProperty(chat, message, response, async (asChat, asMessage, asResponse) => {
            const model = 'gpt-4o-mini'
            await same(({ openai }) =>
              openai.chat.completions
                .stream({ model, ...asChat, stream_options: { include_usage: true } })
                .finalChatCompletion()
            )
            await same(({ anthropic }) =>
              anthropic.messages.stream({ model: 'claude-haiku-4-5', max_tokens: 2000, ...asMessage }).finalMessage()
            )
            await same(({ openai }) => openai.responses.stream({ model, ...asResponse }).finalResponse())
          }),
          { numRuns: 25 }
        )
      } finally {
        await stand.close()
      }
    }
  )
})
