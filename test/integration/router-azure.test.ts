import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import type { ProviderOptions } from '../../src/router/router-options.ts'
import { type Fleet, makeFleet, marks } from '../support/fleet.ts'
import { type OverhearingServer, overhearingServer } from '../support/overhearing-server.ts'

let azure: OverhearingServer
let fleet: Fleet

beforeEach(async () => {
  azure = await overhearingServer()
})

afterEach(async () => {
  for (const request of azure.heard) {
    expect(request).toMatch(/^api-key: azure-key\r$/im)
    expect(request).not.toMatch(/sk-alice|^authorization:/im)
  }
  await fleet.close()
  await azure.close()
})

async function start(own: Partial<ProviderOptions> = {}, targets: readonly string[] = ['azure']): Promise<void> {
  fleet = await makeFleet({
    providers: {
      azure: { url: azure.url, key: 'azure-key', deployments: { 'gpt-4o': 'my gpt' }, ...own }
    },
    routes: [{ model: '*', targets, retry: { attempts: 0 } }]
  })
}

/** What was sent, one for each request. */
function sent(): readonly { line: string; body: JsonObject }[] {
  return azure.heard.map((request) => {
    const [head = '', body = ''] = request.split('\r\n\r\n')
    return { line: head.slice(0, head.indexOf('\r\n')), body: JSON.parse(body) }
  })
}

const messages = [{ role: 'user' as const, content: 'Hello?' }]
const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }

function completion(model = 'gpt-4o-2024-08-06'): string {
  const message = { role: 'assistant', content: 'Hi.', refusal: null }
  const choice = { index: 0, message, finish_reason: 'stop', logprobs: null, content_filter_results: {} }
  return JSON.stringify({ id: 'c-1', object: 'chat.completion', created: 1, model, choices: [choice], usage })
}

/** As Azure streams: it begins with what its filter has made of the prompt. */
function stream(): string {
  const chunk = (more: object): string =>
    `data: ${JSON.stringify({ id: 'c-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-2024-08-06', ...more })}\n\n`
  const delta = (index: object, finish_reason: string | null = null): string =>
    chunk({ choices: [{ index: 0, delta: index, finish_reason }] })
  return [
    `data: ${JSON.stringify({ id: '', object: '', created: 0, model: '', choices: [], prompt_filter_results: [] })}\n\n`,
    delta({ role: 'assistant', content: '' }),
    delta({ content: 'Hi.' }),
    delta({}, 'stop'),
    chunk({ choices: [], usage }),
    'data: [DONE]\n\n'
  ].join('')
}

const streaming = { headers: { 'content-type': 'text/event-stream' } }

describe.each([
  ['newer', {}, 'POST /openai/v1/chat/completions HTTP/1.1', 'my gpt'],
  [
    'classic',
    { apiVersion: '2024-10-21' },
    'POST /openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21 HTTP/1.1',
    'gpt-4o'
  ]
] as const)("Azure's %s form", (_, own, line, model) => {
  it('is asked at its path, with its key, and with the deployment in place of the model', async () => {
    await start(own)
    azure.answer(completion())
    const asked = { model: 'gpt-4o', messages, seed: 7 }
    const { data, response } = await fleet.openai().chat.completions.create(asked).withResponse()
    expect(data.choices[0]?.message.content).toBe('Hi.')
    expect(marks(response.headers)).toEqual({ layer: 'provider', provider: 'azure', fallback: null })
    expect(response.headers.get('x-reprise-cost-usd')).toMatch(/^0\.0000\d+$/)
    expect(sent()).toEqual([{ line, body: { ...asked, model } }])
    const again = await fleet.openai().chat.completions.create(asked).withResponse()
    expect(marks(again.response.headers)).toMatchObject({ layer: 'exact', provider: 'azure' })
    expect(sent()).toHaveLength(1)
  })

  it('streams, and what it has streamed answers plainly', async () => {
    await start(own)
    azure.answer(stream(), streaming)
    const { completions } = fleet.openai().chat
    const streamed = await completions.create({ model: 'gpt-4o', messages, stream: true }).withResponse()
    let text = ''
    for await (const chunk of streamed.data) text += chunk.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hi.')
    expect(marks(streamed.response.headers)).toEqual({ layer: 'provider', provider: 'azure', fallback: null })
    expect(sent()).toMatchObject([{ line, body: { model, stream: true } }])
    const { data, response } = await completions.create({ model: 'gpt-4o', messages }).withResponse()
    expect(marks(response.headers).layer).toBe('exact')
    expect(data).toMatchObject({ choices: [{ message: { content: 'Hi.' } }], usage })
  })

  it('stands in for OpenAI with the same model, which is no fallback to another', async () => {
    await start(own, ['openai', 'azure'])
    await fleet.providers.openai.close()
    azure.answer(completion())
    const { response } = await fleet.openai().chat.completions.create({ model: 'gpt-4o', messages }).withResponse()
    expect(marks(response.headers)).toEqual({ layer: 'provider', provider: 'azure', fallback: null })
    expect(response.headers.get('cache-status')).toBe('reprise; fwd=miss; stored')
  })

  it('is asked by the SDK of Anthropic too', async () => {
    await start(own, ['anthropic', 'azure/gpt-4o'])
    await fleet.providers.anthropic.close()
    azure.answer(completion())
    const asked = { model: 'claude-sonnet-5', max_tokens: 50, messages }
    const { data, response } = await fleet.anthropic().messages.create(asked).withResponse()
    expect(data.content).toMatchObject([{ type: 'text', text: 'Hi.' }])
    expect(marks(response.headers)).toEqual({ layer: 'provider', provider: 'azure', fallback: 'true' })
    expect(sent()).toEqual([{ line, body: { model, max_tokens: 50, messages } }])
  })

  it('passes its errors on as they came, and keeps the parameters of a caller', async () => {
    await start(own)
    const error = { message: 'The deployment does not exist.', type: null, param: null, code: 'DeploymentNotFound' }
    azure.answer(JSON.stringify({ error }), { status: 404, headers: { 'apim-request-id': 'a-1' } })
    const asked = fleet
      .openai()
      .chat.completions.create(
        { model: 'gpt-4o', messages },
        { query: { 'api-version': 'mine', 'api-key': 'sk-alice', trace: 'yes' } }
      )
    const refused = await asked.catch((thrown: unknown) => thrown)
    expect(refused).toBeInstanceOf(OpenAI.NotFoundError)
    expect(refused).toMatchObject({ code: 'DeploymentNotFound', message: '404 The deployment does not exist.' })
    const [path = '', query = ''] = (sent()[0]?.line.split(' ')[1] ?? '').split('?')
    expect(line).toContain(path)
    expect(Object.fromEntries(new URLSearchParams(query))).toEqual(
      'apiVersion' in own ? { trace: 'yes', 'api-version': own.apiVersion } : { trace: 'yes', 'api-version': 'mine' }
    )
  })
})

describe("Azure's embeddings and responses", () => {
  it.each([
    ['newer', {}, '/openai/v1/embeddings', '/openai/v1/responses'],
    [
      'classic',
      { apiVersion: '2024-10-21' },
      '/openai/deployments/my%20gpt/embeddings?api-version=2024-10-21',
      // It got this one too late for a path of its own.
      '/openai/responses?api-version=2024-10-21'
    ]
  ] as const)('are asked at their paths: %s form', async (_, own, embeddings, responses) => {
    await start(own)
    azure.answer(
      JSON.stringify({ object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: [1] }], usage })
    )
    await fleet.openai().embeddings.create({ model: 'gpt-4o', input: 'one', encoding_format: 'float' })
    const output = [
      {
        type: 'message',
        id: 'm',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'Hi.' }]
      }
    ]
    azure.answer(JSON.stringify({ id: 'r', object: 'response', status: 'completed', model: 'gpt-4o', output }))
    expect((await fleet.openai().responses.create({ model: 'gpt-4o', input: 'Hello?' })).output_text).toBe('Hi.')
    expect(sent().map(({ line, body }) => [line.split(' ')[1], body['model']])).toEqual([
      [embeddings, 'apiVersion' in own ? 'gpt-4o' : 'my gpt'],
      [responses, 'my gpt']
    ])
  })
})
