import { describe, expect, it } from 'vitest'
import { openaiChat } from './openai-chat.ts'
import { WireContent } from './wire-request.ts'

const versions = { 'openai-beta': 'x=1' }

describe('withModel', () => {
  it('is the same request to another model, and no other byte is another', () => {
    const raw = Buffer.from(
      '{ "mod\\u0065l": "a",\n "seed": 9007199254740993, "messages": [{"role":"user","content":"a"}] }'
    )
    const content = new WireContent(openaiChat, raw, '?a=b', versions)
    const other = content.withModel('b')
    expect(other.raw.toString()).toBe(raw.toString().replace('"a",', '"b",'))
    expect(other.json['model']).toBe('b')
    expect({ ...other, raw: null, json: null }).toEqual({ ...content, raw: null, json: null })
    expect(content.json['model']).toBe('a')
  })

  it('has no key of its own yet', () => {
    const content = new WireContent(openaiChat, Buffer.from('{"model":"a","messages":[{"role":"user"}]}'))
    content.knownKey = { kind: 'llm', scope: [], key: 'x' }
    expect(content.withModel('b').knownKey).toBeUndefined()
  })

  it('says which names a wire does not take', () => {
    const content = new WireContent(openaiChat, Buffer.from('{"model":"a","messages":[{"role":"user"}]}'))
    expect(() => content.withModel('')).toThrow('model: expected a non-empty string, got ""')
  })
})

describe('the field cache of a body', () => {
  const plain = '{ "model": "a", "seed": 9007199254740993, "messages": [{"role":"user","content":"\\"cache\\""}] }'
  const made = (text: string): WireContent => new WireContent(openaiChat, Buffer.from(text))

  it('is taken out when it is an object, and all else is what it would be without', () => {
    const without = made(plain)
    for (const text of [
      plain.replace('{ ', '{ "cache":{"ttl":1e400,"namespace":"}"},'),
      plain.replace(' }', ',"cache": {"ttl":1e400,"namespace":"}"} }'),
      plain.replace('"seed"', '"cache":1,"seed"').replace(' }', ',"cache":{"ttl":1e400,"namespace":"}"} }')
    ]) {
      const { cache, ...content } = made(text)
      expect(cache).toEqual({ ttl: Number.POSITIVE_INFINITY, namespace: '}' })
      expect({ ...content, cache: undefined }).toEqual(without)
    }
  })

  it.each(['true', 'null', '"x"', '[{}]', '1'])('is left where it is when it is %s', (value) => {
    const text = plain.replace('{ ', `{ "cache":${value},`)
    const content = made(text)
    expect(content.raw.toString()).toBe(text)
    expect(content.json).toHaveProperty('cache')
    expect(content.cache).toBeUndefined()
  })
})
