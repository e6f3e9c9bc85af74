import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { anthropicBatches } from './anthropic-batches.ts'
import { type BatchTransport, batchCaller } from './batch-api.ts'
import { openaiBatches } from './openai-batches.ts'

const { signal } = new AbortController()

interface Said {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** In pieces, as they come. */
  readonly body: JsonObject | readonly string[]
}

/** A provider that says what it is given, by path. */
function saying(answers: Readonly<Record<string, Said>>): { transport: BatchTransport; asked: string[] } {
  const asked: string[] = []
  const transport: BatchTransport = async ({ method, path }) => {
    asked.push(`${method} ${path}`)
    const { status = 200, headers = {}, body } = answers[path] ?? { status: 404, body: {} }
    const pieces = Array.isArray(body) ? (body as readonly string[]) : [JSON.stringify(body)]
    async function* bytes() {
      for (const piece of pieces) yield Buffer.from(piece)
    }
    return { status, headers, body: bytes() }
  }
  return { transport, asked }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('openaiBatches', () => {
  it('writes a request on one line, however it was written', () => {
    const { lineOf } = openaiBatches(batchCaller('openai', saying({}).transport, {}))
    const body = Buffer.from('{\r\n  "model": "m",\n  "input": "a\\nb", "big": 12345678901234567890\n}')
    const line = lineOf({ customId: 'r-0', path: '/v1/responses', body }).toString()
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(line).toContain('12345678901234567890')
    expect(JSON.parse(line)).toMatchObject({ custom_id: 'r-0', method: 'POST', body: { input: 'a\nb' } })
  })

  it('looks for a batch by its name, page by page, and not beyond what was there before', async () => {
    const page = (ids: string[], more: boolean): Said => ({
      body: { data: ids.map((id) => ({ id, metadata: { reprise: `name-${id}` } })), has_more: more }
    })
    const { transport, asked } = saying({
      '/v1/batches?limit=100': page(['e', 'd'], true),
      '/v1/batches?limit=100&after=d': page(['c', 'b'], true),
      '/v1/batches?limit=100&after=b': page(['a'], false)
    })
    const api = openaiBatches(batchCaller('openai', transport, {}))
    const sought = { count: 1, after: 'c', others: new Set<string>() }
    expect(await api.find({ ...sought, name: 'name-d' }, signal)).toMatchObject({ id: 'd' })
    expect(await api.find({ ...sought, name: 'name-b' }, signal)).toBeUndefined()
    expect(asked.at(-1)).toBe('GET /v1/batches?limit=100&after=d')
    expect(await api.find({ ...sought, name: 'name-a', after: undefined }, signal)).toMatchObject({ id: 'a' })
  })
})

describe('anthropicBatches', () => {
  it('tells its own batch by the ids of its results, and waits for one that may be it', async () => {
    const batch = (id: string, status: string, succeeded: number): JsonObject => ({
      id,
      processing_status: status,
      request_counts: { processing: status === 'ended' ? 0 : 2, succeeded, errored: 0, canceled: 0, expired: 0 }
    })
    const data = [
      batch('running', 'in_progress', 0),
      batch('other', 'ended', 2),
      batch('small', 'ended', 1),
      batch('own', 'ended', 2)
    ]
    const { transport, asked } = saying({
      '/v1/messages/batches?limit=100': { body: { data, has_more: false } },
      '/v1/messages/batches/other/results': { body: ['{"custom_id":"x-0"}\n'] },
      '/v1/messages/batches/own/results': { body: ['{"custom', '_id":"r-1"}\n{"custom_id":"r-0"}'] }
    })
    const api = anthropicBatches(batchCaller('anthropic', transport, {}))
    const sought = { count: 2, after: undefined, others: new Set<string>() }
    expect(await api.find({ ...sought, name: 'r' }, signal)).toMatchObject({ id: 'own' })
    expect(await api.find({ ...sought, name: 's' }, signal)).toBe('perhaps')
    expect(await api.find({ ...sought, name: 's', others: new Set(['running']) }, signal)).toBeUndefined()
    expect(asked.join()).not.toContain('small/results')
  })

  it('reads results in any order and any pieces', async () => {
    const lines = [
      { custom_id: 'r-1', result: { type: 'succeeded', message: { text: 'ä' } } },
      { custom_id: 'r-0', result: { type: 'errored', error: { type: 'error', error: { message: 'no' } } } },
      { custom_id: 'r-2', result: { type: 'expired' } }
    ]
    const text = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n\n`
    const { transport } = saying({ '/r': { body: [...text.matchAll(/[\s\S]{1,7}/g)].map(([piece]) => piece) } })
    const api = anthropicBatches(batchCaller('anthropic', transport, {}))
    const state = { id: 'b', isOver: true, done: 1, failed: 2, results: ['/r'] }
    expect(await all(api.results(state, signal))).toEqual([
      { customId: 'r-1', answer: { text: 'ä' } },
      { customId: 'r-0', problem: 'errored: no' },
      { customId: 'r-2', problem: 'expired' }
    ])
  })
})

describe('submit', () => {
  it('takes what has no id for what may have been made all the same', async () => {
    const { transport } = saying({
      '/v1/files': { body: { id: 'file-1' } },
      '/v1/batches': { body: { status: 'validating' } },
      '/v1/messages/batches': { body: {} }
    })
    for (const api of [
      openaiBatches(batchCaller('openai', transport, {})),
      anthropicBatches(batchCaller('anthropic', transport, {}))
    ]) {
      await expect(api.submit('r', '/v1/x', [], signal)).rejects.toMatchObject({
        code: 'provider-malformed',
        retryable: true
      })
    }
  })
})

describe('batchCaller', () => {
  it.each([
    [429, { 'retry-after': '2' }, true, 2000],
    [503, {}, true, undefined],
    [429, { 'x-should-retry': 'false' }, false, undefined],
    [400, {}, false, undefined],
    [404, {}, false, undefined]
  ])('says of a refusal whether it may pass, and when: %i', async (status, headers, retryable, retryAfterMs) => {
    const { transport } = saying({ '/x': { status, headers, body: { error: { message: 'Why not.' } } } })
    const asking = batchCaller('openai', transport, {}).json('GET', '/x', signal)
    await expect(asking).rejects.toMatchObject({
      status,
      retryable,
      message: `openai answered ${status}: Why not.`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs })
    })
  })

  it.each([
    [
      'nobody there',
      (): never => {
        throw new Error('refused')
      }
    ],
    ['no JSON', undefined]
  ])('takes for an answer that may come later: %s', async (_, failing) => {
    const { transport } = saying({ '/x': { body: ['<html>'] } })
    const asking = batchCaller('openai', failing ?? transport, {}).json('GET', '/x', signal)
    await expect(asking).rejects.toMatchObject({ code: 'provider-unreachable', retryable: true })
  })
})
