import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { JsonObject } from '../core/json.ts'
import { BatchRequests, type ImportPair, type LeftOut, readImportLine } from './import-lines.ts'
import type { Line } from './lines.ts'
import type { WarmDefaults } from './warm-lines.ts'

let folder: TemporaryFolder
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => folder.remove())

const request = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }
const message = { ...request, max_tokens: 10 }

function line(value: string | JsonObject, number = 7): Line {
  return { number, bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), offset: 0 }
}

function json(pair: ImportPair | LeftOut): string {
  return 'json' in pair ? pair.json.toString() : pair.leftOut
}

async function join_(
  requests: readonly (string | JsonObject)[],
  outcome: string | JsonObject,
  defaults?: WarmDefaults
) {
  const file = join(folder.path, 'requests.jsonl')
  writeFileSync(file, requests.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'))
  const batch = await BatchRequests.open(file)
  try {
    return batch.join(line(outcome), defaults)
  } finally {
    batch.close()
  }
}

describe('a line of pairs', () => {
  it('is sent as the gateway reads pairs, with what was written in it and what holds for all', () => {
    const written =
      '{"response": "Hello" ,"request": {"model":"m", "seed":0.30000000000000004,"messages":[{"role":"user","content":"Hi"}]}, "tags":["own"],"ttl":60,"costUsd":0.5}'
    const pair = readImportLine(line(written), { tags: ['all'], ttl: '1h' })
    expect(pair).toMatchObject({ line: 7, dialect: 'openai' })
    expect(json(pair)).toBe(
      '{"endpoint":"/v1/chat/completions","request":{"model":"m", "seed":0.30000000000000004,"messages":[{"role":"user","content":"Hi"}]},"response":"Hello","tags":["all","own"],"ttl":"60","costUsd":0.5}'
    )
  })

  it("is Anthropic's where its request is", () => {
    const pair = readImportLine(
      line({ endpoint: '/v1/messages', request: message, response: 'x', usage: { input_tokens: 1, output_tokens: 2 } })
    )
    expect(pair.dialect).toBe('anthropic')
    expect(JSON.parse(json(pair))).toMatchObject({
      endpoint: '/v1/messages',
      tags: [],
      usage: { input_tokens: 1, output_tokens: 2 }
    })
  })

  it.each([
    [{ request }, 'line 7: response: expected an object or a text'],
    [
      '{"request":{"model":"m","messages":[{}]},"response":"a","response":"b"}',
      'line 7: expected the field response once, got it several times'
    ],
    [
      { custom_id: 'a', response: { status_code: 200, body: {} } },
      'line 7: expected a request beside the response, got a line of a batch that names it: give its requests with --requests FILE'
    ],
    [{ request, response: 'x', tags: ['a,b'] }, 'line 7: tags: expected ASCII'],
    [
      '{"request":{"model":"m","seed":12345678901234567890,"messages":[{}]},"response":"a"}',
      'line 7: expected numbers that a double can hold in a request to be imported, got 12345678901234567890'
    ]
  ])('is told with its number when it is wrong: %j', (value, message) => {
    expect(() => readImportLine(line(value))).toThrow(message)
  })
})

describe("a batch's results and its requests", () => {
  const asked = [
    { custom_id: 'ä', method: 'POST', url: '/v1/chat/completions', body: { ...request, model: 'other' } },
    '',
    '  {"custom_id":"b", "method":"POST","url":"/v1/chat/completions","body":{"model":"m","seed":0.30000000000000004,"messages":[{"role":"user","content":"Hi"}]}}  ',
    { custom_id: 'c', params: message }
  ]

  it('are joined by custom_id, byte for byte', async () => {
    const outcome = '{"id":"x","custom_id":"b","response":{"status_code":200,"body": {"choices":[1.0]}},"error":null}'
    expect(json(await join_(asked, outcome, { tags: ['t'] }))).toBe(
      '{"endpoint":"/v1/chat/completions","request":{"model":"m","seed":0.30000000000000004,"messages":[{"role":"user","content":"Hi"}]},"response":{"choices":[1.0]},"tags":["t"]}'
    )
  })

  it("are understood in Anthropic's form", async () => {
    const outcome = { custom_id: 'c', result: { type: 'succeeded', message: { type: 'message' } } }
    const pair = await join_(asked, outcome)
    expect(pair).toMatchObject({ dialect: 'anthropic' })
    expect(JSON.parse(json(pair))).toEqual({
      endpoint: '/v1/messages',
      request: message,
      response: { type: 'message' },
      tags: []
    })
  })

  it.each([
    [{ custom_id: 'b', response: { status_code: 429, body: {} }, error: null }, 'with status 429'],
    [{ custom_id: 'b', response: null, error: { code: 'batch_expired' } }, 'with an error'],
    [{ custom_id: 'c', result: { type: 'errored', error: {} } }, 'with the result errored'],
    [{ custom_id: 'nobody', response: { status_code: 200, body: {} } }, 'without a request of its custom_id']
  ])('leave out what failed: %j', async (outcome, leftOut) => {
    expect(await join_(asked, outcome)).toEqual({ line: 7, leftOut })
  })

  it.each([
    [asked, { response: { status_code: 200, body: {} } }, 'line 7: expected a line with custom_id'],
    [asked, { custom_id: 'b' }, 'line 7: expected a response or a result, got nothing'],
    [
      asked,
      { custom_id: 'b', response: { status_code: 200, body: 'x' } },
      'line 7: expected a body in the response, got "x"'
    ],
    [[asked[0] ?? '', asked[0] ?? ''], {}, 'line 2: expected each custom_id once, got "ä" in line 1 too'],
    [[{ method: 'POST' }], {}, 'line 1: expected a custom_id, got nothing'],
    [
      [{ custom_id: 'b', url: '/v1/files', body: {} }],
      { custom_id: 'b', response: { status_code: 200, body: {} } },
      'line 7: url: expected one of'
    ]
  ])('are told where they are wrong: %#', async (requests, outcome, message) => {
    await expect(join_(requests, outcome)).rejects.toThrow(message)
  })
})
