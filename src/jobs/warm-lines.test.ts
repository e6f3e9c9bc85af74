import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { readImportLine } from './import-lines.ts'
import type { WarmDefaults, WarmRequest } from './warm-lines.ts'
import { readWarmLine } from './warm-lines.ts'

function read(line: string | JsonObject, defaults?: WarmDefaults): WarmRequest {
  const bytes = Buffer.from(typeof line === 'string' ? line : JSON.stringify(line))
  return readWarmLine({ number: 7, bytes, offset: 0 }, defaults)
}

const turns = [{ role: 'user', content: 'Hi' }]
const chat = { model: 'gpt-5', messages: turns }
const message = { model: 'claude-haiku-4-5', max_tokens: 100, messages: turns }

describe('the endpoint of a bare request', () => {
  it.each([
    ['chat completions', chat, '/v1/chat/completions'],
    ['a Claude that is asked as OpenAI asks', { ...chat, model: 'claude-haiku-4-5' }, '/v1/chat/completions'],
    [
      'a Claude with a system turn',
      { ...message, messages: [{ role: 'system', content: 'x' }, ...turns] },
      '/v1/chat/completions'
    ],
    ['a Claude with max_tokens', message, '/v1/messages'],
    ['a system prompt beside the turns', { ...message, model: 'other', system: 'Be brief.' }, '/v1/messages'],
    ['a text', { model: 'gpt-5', input: 'Hi' }, '/v1/responses'],
    ['turns as input', { model: 'gpt-5', input: turns }, '/v1/responses'],
    ['a model that embeds', { model: 'text-embedding-3-small', input: 'Hi' }, '/v1/embeddings'],
    ['a list of texts', { model: 'bge-m3', input: ['a', 'b'] }, '/v1/embeddings'],
    ['a list of tokens', { model: 'bge-m3', input: [1, 2] }, '/v1/embeddings'],
    ['dimensions', { model: 'bge-m3', input: 'a', dimensions: 256 }, '/v1/embeddings']
  ])('follows from its fields: %s', (_, request, path) => {
    expect(read(request).path).toBe(path)
  })
})

describe('the forms of a line', () => {
  it.each([
    ['an endpoint beside the request', { endpoint: '/v1/chat/completions', request: message }, '/v1/chat/completions'],
    ['an endpoint without /v1', { endpoint: 'messages', request: message }, '/v1/messages'],
    ['an endpoint with a query', { endpoint: '/v1/messages?beta=true', request: message }, '/v1/messages?beta=true'],
    ['a request without an endpoint', { request: chat }, '/v1/chat/completions'],
    [
      "OpenAI's batch",
      { custom_id: 'a', method: 'POST', url: '/v1/responses', body: { model: 'm', input: 'Hi' } },
      '/v1/responses'
    ],
    ["Anthropic's batch", { custom_id: 'a', params: message }, '/v1/messages']
  ])('are understood: %s', (_, line, path) => {
    expect(read(line)).toMatchObject({ line: 7, path, tags: [] })
  })

  it('keep every byte of the request', () => {
    const body = '{ "model":"gpt-5", "seed": 12345678901234567890,"messages":[{"role":"user","content":"\\u00e4"}] }'
    expect(read(body).body.toString()).toBe(body)
    expect(read(`{"tags":["a"], "request": ${body} , "ttl":"1h"}`).body.toString()).toBe(body)
    expect(read(`{"custom_id":"x","method":"POST","url":"/v1/chat/completions","body":${body}}`).body.toString()).toBe(
      body
    )
  })

  it('turn a stream off, and its options with it', () => {
    const line =
      '{"model":"m", "stream" : true,"messages":[{"role":"user","content":"stream"}],"stream_options":{"include_usage":true}}'
    const asked =
      '{"model":"m", "stream" : false,"messages":[{"role":"user","content":"stream"}],"stream_options":null}'
    expect(read(line).body.toString()).toBe(asked)
    const plain = JSON.stringify({ ...chat, stream: false })
    expect(read(plain).body.toString()).toBe(plain)
  })
})

describe('tags and times to live', () => {
  it('are those of the line and those of all lines', () => {
    const line = { request: chat, tags: ['own', 'both'], ttl: '2h' }
    expect(read(line, { tags: ['all', 'both'], ttl: '1h' })).toMatchObject({ tags: ['all', 'both', 'own'], ttl: '2h' })
    expect(read({ request: chat, ttl: 90 })).toMatchObject({ ttl: '90' })
    expect(read(chat, { ttl: '1h' })).toMatchObject({ ttl: '1h', tags: [] })
    expect(read(chat)).not.toHaveProperty('ttl')
  })
})

describe('a line that is wrong', () => {
  it.each([
    ['{"model":', 'line 7: expected a JSON object, got {"model":'],
    ['[1]', 'line 7: expected a JSON object, got [1]'],
    [
      { prompt: 'x' },
      'line 7: expected a request ({"model": ..., "messages": [...]}), {"endpoint": ..., "request": {...}}'
    ],
    [{ model: 'm', messages: [] }, 'line 7: messages: expected a non-empty list of objects, got an empty list'],
    [{ messages: turns }, 'line 7: model: expected a non-empty string, got nothing'],
    [{ request: { model: 'm' } }, 'line 7: expected a request with "messages" or "input", or an "endpoint" beside it'],
    [{ custom_id: 'a', params: chat }, 'line 7: max_tokens: expected a number, got nothing'],
    [{ method: 'GET', url: '/v1/chat/completions', body: chat }, 'line 7: method: expected "POST", got "GET"'],
    [
      { url: '/v1/completions', body: chat },
      'line 7: url: expected one of /v1/chat/completions, /v1/responses, /v1/messages, /v1/embeddings, got "/v1/completions"'
    ],
    [{ endpoint: 5, request: chat }, 'line 7: endpoint: expected one of'],
    [{ request: chat, ttl: 'soon' }, 'line 7: ttl: expected a duration'],
    [{ request: chat, ttl: [] }, 'line 7: ttl: expected a duration'],
    [{ request: chat, tags: 'a' }, 'line 7: tags: expected a list of texts, got "a"'],
    [{ request: chat, tags: ['a,b'] }, 'line 7: tags: expected ASCII characters, no comma'],
    [{ request: chat, tags: ['ä'] }, 'line 7: tags: expected ASCII characters, no comma'],
    [{ request: chat, tags: ['a\r\nb'] }, 'line 7: tags: expected ASCII characters, no comma'],
    [{ request: chat, tags: ['x'.repeat(300)] }, 'line 7: x-reprise-tags: expected tags of at most 256 characters']
  ])('is told with its number, what was expected and got: %j', (line, message) => {
    expect(() => read(line)).toThrow(message)
    expect(() => read(line)).toThrow(expect.objectContaining({ code: 'invalid-body' }))
  })

  it('is one that is not UTF-8, for two of them would look alike', () => {
    const bytes = Buffer.from('{"model":"m","messages":[{"role":"user","content":"\xff"}]}', 'latin1')
    expect(() => readWarmLine({ number: 1, bytes, offset: 0 })).toThrow('line 1: the body is not valid UTF-8')
  })
})

describe('docs/warming.md', () => {
  it('shows lines that are understood', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/warming.md'), 'utf8')
    const [requests, pairs] = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text = '']) =>
      text.trim().split('\n')
    )
    expect(requests?.map((line) => read(line).path)).toEqual([
      '/v1/chat/completions',
      '/v1/responses',
      '/v1/responses',
      '/v1/messages'
    ])
    const [pair = ''] = pairs ?? []
    expect(readImportLine({ number: 1, bytes: Buffer.from(pair), offset: 0 }).dialect).toBe('openai')
  })
})
