import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeGateway, makeStand, type Stand } from '../support/gateway.ts'
import { WordsEmbedder } from '../support/words-embedder.ts'

const password = 'How do I reset my password?'
const alike = 'How can I reset my passwords please?'

let stand: Stand
const open: Stand[] = []

beforeEach(async () => {
  stand = await makeStand({ store: 'memory:', embedder: new WordsEmbedder() })
  open.push(stand)
})

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

type Chat = Record<string, unknown> & { messages?: readonly object[] }

async function chat(content: string, own: Chat = {}, key = 'sk-alice', at = stand) {
  const response = await fetch(`${at.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }], ...own })
  })
  const text = await response.text()
  return { layer: response.headers.get('x-reprise-layer'), headers: response.headers, status: response.status, text }
}

describe('a gateway with an embedder', () => {
  it('answers a paraphrase, says so, and asks nobody', async () => {
    const first = await chat(password)
    const second = await chat(alike)
    expect(second.layer).toBe('semantic')
    expect(Number(second.headers.get('x-reprise-similarity'))).toBeGreaterThan(0.9)
    expect(second.headers.get('x-reprise-similarity')).toMatch(/^0\.\d{4}$/)
    expect(second.headers.get('cache-status')).toMatch(/^reprise; hit; ttl=\d+; detail=semantic$/)
    expect(second.headers.get('x-reprise-entry')).toBe(first.headers.get('x-reprise-entry'))
    expect(second.text).toBe(first.text)
    expect(stand.provider.count()).toBe(1)
    expect((await chat(password)).layer).toBe('exact')
  })

  it('misses under another system prompt, model, tool list, temperature or tenant', async () => {
    await chat(password)
    const user = { role: 'user', content: alike }
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
    const others: [string, Chat, string?][] = [
      ['system prompt', { messages: [{ role: 'system', content: 'Be brief.' }, user] }],
      ['model', { model: 'gpt-4o-mini' }],
      ['tool list', { tools }],
      ['temperature', { temperature: 0.5 }],
      ['history', { messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello' }, user] }],
      ['tenant', {}, 'sk-bob']
    ]
    for (const [what, own, key] of others) expect((await chat(alike, own, key)).layer, what).toBe('provider')
    expect((await chat('How should I reset my password?')).layer).toBe('semantic')
  })

  it('compares the last turn only, and only under an identical conversation', async () => {
    const about = (thing: string, last: string): Chat => ({
      messages: [
        { role: 'user', content: `Tell me about ${thing}.` },
        { role: 'assistant', content: `${thing} is a thing.` },
        { role: 'user', content: last }
      ]
    })
    await chat('', about('Paris', 'And what about the second one?'))
    expect((await chat('', about('Rome', 'And what about the second one?'))).layer).toBe('provider')
    expect((await chat('', about('Paris', 'And what about the second one, please?'))).layer).toBe('semantic')
  })

  it('matches requests with tools, or an image in the last turn, exactly only', async () => {
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
    await chat(password, { tools })
    expect((await chat(alike, { tools })).layer).toBe('provider')
    expect((await chat(password, { tools })).layer).toBe('exact')
    const seen = (text: string): Chat => ({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }
          ]
        }
      ]
    })
    await chat('', seen(password))
    expect((await chat('', seen(alike))).layer).toBe('provider')
    expect((await chat('', seen(password))).layer).toBe('exact')
  })

  it('answers both official clients, plain and streaming, from one paraphrase', async () => {
    const openai = stand.openai()
    const first = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: password }]
    })
    const stream = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: alike }],
      stream: true
    })
    let said = ''
    for await (const chunk of stream) said += chunk.choices[0]?.delta.content ?? ''
    expect(said).toBe(first.choices[0]?.message.content)

    const anthropic = stand.anthropic()
    const message = (content: string) => ({
      model: 'claude-haiku-4-5',
      max_tokens: 1000,
      messages: [{ role: 'user' as const, content }]
    })
    const told = await anthropic.messages.create(message(password))
    const again = await anthropic.messages.stream(message(alike)).finalMessage()
    expect(again.content).toEqual(told.content)
    expect((await openai.responses.create({ model: 'gpt-4o', input: password })).output_text).toBe(
      (await openai.responses.create({ model: 'gpt-4o', input: alike })).output_text
    )
    expect(stand.provider.count()).toBe(3)
  })

  it('lets the guards refuse what only looks alike', async () => {
    await chat('How do I install version 12 of the very same package on the very same old server?')
    const other = await chat('How do I install version 13 of the very same package on the very same old server?')
    expect(other.layer).toBe('provider')

    // With the guards off the same pair is a hit: it was they who refused.
    const off = await makeStand({ store: 'memory:', embedder: new WordsEmbedder(), guards: 'off' })
    open.push(off)
    for (const [version, layer] of [
      ['12', 'provider'],
      ['13', 'semantic']
    ] as const) {
      const question = `How do I install version ${version} of the very same package on the very same old server?`
      expect((await chat(question, {}, 'sk-alice', off)).layer).toBe(layer)
    }
  })

  it('explains what would have hit, to the caller and of its own entries only', async () => {
    await chat(password)
    const explain = async (body: object, key = 'sk-alice') => {
      const response = await fetch(`${stand.gateway.url}/cache/explain`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(body)
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const request = { model: 'gpt-4o', messages: [{ role: 'user', content: alike }] }
    const before = stand.provider.count()
    expect((await explain(request)).body).toMatchObject({
      endpoint: '/v1/chat/completions',
      outcome: 'semantic',
      text: alike,
      minSimilarity: 0.9,
      nearest: [
        {
          text: password,
          fresh: true,
          differs: { asked: ['can', 'passwords', 'please'], answered: ['do', 'password'] }
        }
      ]
    })
    const wrapped = { endpoint: '/v1/chat/completions', request: { ...request, temperature: 1 } }
    expect((await explain(wrapped)).body).toMatchObject({ outcome: 'miss', nearest: [] })
    expect((await explain(request, 'sk-bob')).body).toMatchObject({ outcome: 'miss', nearest: [] })
    expect((await explain({ endpoint: '/v1/none', request })).status).toBe(400)
    expect((await explain([1])).status).toBe(400)
    expect(stand.provider.count()).toBe(before)
    expect((await chat(alike)).layer).toBe('semantic')
  })

  it('finds what was stored before a restart, and in another process on the same folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reprise-semantic-'))
    const options = { store: `embedded:${folder}`, embedder: new WordsEmbedder() }
    const first = await makeGateway(options, stand.provider)
    await chat(password, {}, 'sk-alice', first)
    await first.gateway.close(0)
    const second = await makeGateway({ ...options, embedder: new WordsEmbedder() }, stand.provider)
    const third = await makeGateway({ ...options, embedder: new WordsEmbedder() }, stand.provider)
    expect((await chat(alike, {}, 'sk-alice', second)).layer).toBe('semantic')
    expect((await chat(alike, {}, 'sk-alice', third)).layer).toBe('semantic')
    await chat('What is the tallest mountain there?', {}, 'sk-alice', second)
    const outcome = async (content: string): Promise<unknown> => {
      const response = await fetch(`${third.gateway.url}/cache/explain`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-alice' },
        body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] })
      })
      return ((await response.json()) as { outcome: unknown }).outcome
    }
    await expect.poll(() => outcome('What is the tallest mountain there, please?')).toBe('semantic')
    await second.gateway.close(0)
    await third.gateway.close(0)
  })
})

describe('a gateway with a model as its verifier', () => {
  async function judged(verdict: string): Promise<Stand> {
    const judging = await makeStand(
      {
        store: 'memory:',
        embedder: new WordsEmbedder(),
        verifierModel: 'gpt-4o-mini',
        openaiKey: 'sk-operator'
      },
      { answer: ({ model }) => (model === 'gpt-4o-mini' ? { text: verdict } : undefined) }
    )
    open.push(judging)
    return judging
  }

  it.each([
    ['Yes.', 'semantic'],
    ['No.', 'provider'],
    ['Yes and no', 'provider'],
    ['', 'provider']
  ])('is asked what the guards let through: %j', async (verdict, layer) => {
    const judging = await judged(verdict)
    await chat(password, {}, 'sk-alice', judging)
    expect((await chat(alike, {}, 'sk-alice', judging)).layer).toBe(layer)
    const asked = judging.provider.calls.filter(({ model }) => model === 'gpt-4o-mini')
    expect(asked).toHaveLength(1)
    expect(asked[0]?.headers.authorization).toBe('Bearer sk-operator')
    expect(JSON.stringify(asked[0]?.body)).toContain(JSON.stringify(JSON.stringify({ first: alike, second: password })))
  })

  it('fails closed when it fails', async () => {
    const judging = await judged('Yes.')
    await chat(password, {}, 'sk-alice', judging)
    judging.provider.fail({ status: 500 })
    expect((await chat(alike, {}, 'sk-alice', judging)).layer).toBe('provider')
  })

  it('needs a key of the operator', async () => {
    await expect(
      makeGateway({ store: 'memory:', embedder: new WordsEmbedder(), verifierModel: 'gpt-4o-mini' }, stand.provider)
    ).rejects.toThrow('set REPRISE_OPENAI_KEY')
  })
})
