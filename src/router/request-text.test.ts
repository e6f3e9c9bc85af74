import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson } from '../../test/support/arbitrary-json.ts'
import type { Json } from '../core/json.ts'
import { requestText } from './request-text.ts'

describe('what a model reads of a request', () => {
  it('is the texts of its messages and tools, and not its parameters', () => {
    const { text, otherTokens } = requestText({
      model: 'gpt-4o',
      user: 'somebody',
      metadata: { team: 'blue' },
      temperature: 0.5,
      messages: [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: [{ type: 'text', text: 'Hello' }] }
      ],
      tools: [
        { type: 'function', function: { name: 'search', parameters: { properties: { city: { type: 'string' } } } } }
      ]
    })
    for (const word of ['Be brief', 'Hello', 'search', 'city']) expect(text).toContain(word)
    for (const word of ['gpt-4o', 'somebody', 'blue']) expect(text).not.toContain(word)
    expect(otherTokens).toBe(0)
  })

  it.each<[string, { [field: string]: Json }, string]>([
    ['Anthropic’s system prompt', { system: [{ type: 'text', text: 'Be brief' }] }, 'Be brief'],
    ['instructions', { instructions: 'Be brief', input: 'Hello' }, 'Be brief'],
    ['a result of a tool', { messages: [{ content: [{ type: 'tool_result', content: 'found' }] }] }, 'found'],
    [
      'a document of text',
      { messages: [{ content: [{ type: 'document', source: { type: 'text', data: 'page' } }] }] },
      'page'
    ],
    ['a schema of the answer', { response_format: { json_schema: { schema: { properties: { city: {} } } } } }, 'city']
  ])('is %s', (_what, request, word) => {
    expect(requestText(request).text).toContain(word)
  })

  it.each<[string, { [field: string]: Json }, number]>([
    ['an image by its address', { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }, 1500],
    ['an image in the request', { type: 'image', source: { type: 'base64', data: 'A'.repeat(1e6) } }, 1500],
    ['an image of Responses', { type: 'input_image', image_url: 'data:image/png;base64,AAAA' }, 1500],
    ['a short document', { type: 'document', source: { type: 'base64', data: 'A'.repeat(100) } }, 1500],
    ['a long document', { type: 'file', file: { file_data: 'A'.repeat(1e6) } }, 20_000],
    ['a recording', { type: 'input_audio', input_audio: { data: 'A'.repeat(1e6), format: 'wav' } }, 1000]
  ])('is, for %s, so many tokens', (_what, part, expected) => {
    expect(requestText({ messages: [{ role: 'user', content: [part] }] })).toEqual({
      text: 'user',
      otherTokens: expected
    })
  })

  it('is a token for each that came as a number', () => {
    expect(requestText({ model: 'embedding', input: [[1, 2, 3], [4]] })).toEqual({ text: '', otherTokens: 4 })
  })

  it('is found however deep it lies', () => {
    let nested: Json = 'deep'
    for (let depth = 0; depth < 100_000; depth++) nested = [nested]
    expect(requestText({ messages: nested }).text).toBe('deep')
  })

  it('is something for any request', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (messages, tools) => {
        expect(requestText({ messages, tools }).otherTokens).toBeGreaterThanOrEqual(0)
      })
    )
  })
})
