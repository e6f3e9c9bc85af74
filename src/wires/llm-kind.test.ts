import { describe, expect, it } from 'vitest'
import { keyOf } from '../core/key.ts'
import { anthropicMessages } from './anthropic-messages.ts'
import { Body } from './body.ts'
import { llmKind } from './llm-kind.ts'
import { openaiChat } from './openai-chat.ts'
import { WireContent } from './wire-request.ts'

const chat = llmKind(openaiChat)
const key = (text: string, query = '', versions = {}): string =>
  keyOf(chat, { content: new WireContent(openaiChat, Buffer.from(text), query, versions), headers: {} }, [])

const asked = '{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}],"seed":9007199254740992}'

describe('law 2: identity is the whole body, and what else can change the answer', () => {
  it('knows numbers apart that a double does not', () => {
    expect(key(asked.replace('0992', '0993'))).not.toBe(key(asked))
  })

  it('knows query and version headers apart', () => {
    expect(new Set([key(asked), key(asked, '?beta=true'), key(asked, '', { 'openai-beta': 'a' })]).size).toBe(3)
  })

  it('knows wires apart', () => {
    const message = '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'
    const keys = [openaiChat, anthropicMessages].map((wire) =>
      keyOf(llmKind(wire), { content: new WireContent(wire, Buffer.from(message)), headers: {} }, [])
    )
    expect(keys[0]).not.toBe(keys[1])
  })
})

describe('an answer', () => {
  const tool = (input: string): Body =>
    Body.fromBytes(
      Buffer.from(
        `{"id":"m","type":"message","role":"assistant","model":"m","stop_reason":"tool_use","content":[{"type":"tool_use","id":"t","name":"n","input":${input}}],"usage":{"input_tokens":1,"output_tokens":2}}`
      )
    )

  it('is not kept when a stream told from it would round a number', () => {
    const messages = llmKind(anthropicMessages)
    expect(messages.storable(tool('{"id":12345}'))).toBe(true)
    expect(messages.storable(tool('{"id":12345678901234567890}'))).toBe(false)
  })

  it('that is no JSON is neither kept nor counted', () => {
    const body = Body.fromBytes(Buffer.from('<html>busy</html>'))
    expect([chat.storable(body), chat.usage(body)]).toEqual([false, undefined])
  })
})

describe('a request', () => {
  it.each([
    ['not json', 'the body is not JSON'],
    ['[1]', 'the body must be a JSON object, got a list'],
    ['null', 'the body must be a JSON object, got null'],
    ['{"messages":[{}]}', 'model: ']
  ])('%s is refused with its reason', (text, reason) => {
    expect(() => new WireContent(openaiChat, Buffer.from(text))).toThrow(reason)
  })

  it('that is not UTF-8 is refused, and one with a real replacement character is not', () => {
    const bytes = Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff]), Buffer.from('","messages":[{}]}')])
    expect(() => new WireContent(openaiChat, bytes)).toThrow('not valid UTF-8')
    expect(new WireContent(openaiChat, Buffer.from('{"model":"\ufffd","messages":[{}]}')).json['model']).toBe('\ufffd')
  })
})

describe('a limit of the temperature', () => {
  const bypass = (maxTemperature: number, more: string): string | undefined => {
    const text = `{"model":"m","messages":[{"role":"user","content":"Hi"}]${more}}`
    const content = new WireContent(openaiChat, Buffer.from(text))
    return llmKind(openaiChat, { maxTemperature }).bypass({ content, headers: {} })
  }

  it.each([
    [0.5, ',"temperature":0.5', undefined],
    [0.5, ',"temperature":0.6', 'temperature'],
    [0.5, '', 'temperature'],
    [0.5, ',"temperature":null', 'temperature'],
    [1, '', undefined],
    [1.5, ',"temperature":null', undefined],
    [2, ',"temperature":"hot"', 'temperature']
  ])('of %d makes of %j: %j', (maxTemperature, more, expected) => {
    expect(bypass(maxTemperature, more)).toBe(expected)
  })
})
