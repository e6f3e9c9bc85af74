import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { RouteOptions } from '../../src/router/router-options.ts'
import { type Fleet, makeFleet, marks } from '../support/fleet.ts'

let fleet: Fleet

afterEach(() => fleet.close())

async function start(targets: RouteOptions['targets'], rules: Omit<RouteOptions, 'model' | 'targets'> = {}) {
  fleet = await makeFleet({ routes: [{ model: '*', targets, ...rules }] })
}

async function ask(content = 'Who is there?', model = 'gpt-4o') {
  const asked = fleet.openai().chat.completions.create({ model, messages: [{ role: 'user', content }] })
  const { response } = await asked.withResponse()
  return response.headers
}

async function failed(content?: string): Promise<InstanceType<typeof OpenAI.APIError>> {
  return (await ask(content).catch((error: unknown) => error)) as InstanceType<typeof OpenAI.APIError>
}

describe('a target that fails once', () => {
  it.each([
    ['with an error of its own', { status: 500 }],
    ['with a connection that breaks off', 'cut'],
    ['and says when to ask again', { status: 429, headers: { 'retry-after-ms': '15' } }]
  ] as const)('%s is asked again, and no other', async (_, fault) => {
    await start(['south', 'openai'])
    fleet.providers.south.fail(fault)
    expect(marks(await ask())).toEqual({ layer: 'provider', provider: 'south', fallback: null })
    expect(fleet.asked()).toEqual({ south: 2 })
    const said = typeof fault === 'object' && fault.status === 429 ? { waitMs: 15 } : {}
    expect(fleet.events.filter(({ type }) => type === 'retried')).toMatchObject([{ target: 'south/gpt-4o', ...said }])
  })

  it('and wants to be left alone for long is left alone, also by the requests that follow', async () => {
    await start(['south', 'openai'])
    fleet.providers.south.fail({ status: 429, headers: { 'retry-after': '30' } })
    for (const content of ['one', 'two']) expect(marks(await ask(content)).provider).toBe('openai')
    expect(fleet.asked()).toEqual({ south: 1, openai: 2 })
    expect(fleet.events.filter(({ type }) => type === 'skipped')).toMatchObject([
      { target: 'south/gpt-4o', reason: 'left-out', detail: expect.stringMatching(/^left out for \d+ ms more, since/) }
    ])
  })
})

describe('a target that fails again and again', () => {
  it('is left out for a while, and is asked first again when it is back', async () => {
    await start(['south', 'openai'], { retry: { attempts: 0 }, breaker: { failures: 2, leftOutMs: 50 } })
    fleet.providers.south.fail({ status: 500 }, { status: 503 })
    for (const content of ['one', 'two', 'three']) expect(marks(await ask(content)).provider).toBe('openai')
    expect(fleet.asked()).toEqual({ south: 2, openai: 3 })
    let count = 0
    await expect.poll(async () => marks(await ask(`later ${count++}`)).provider, { interval: 10 }).toBe('south')
    const changes = fleet.events.filter(({ type }) => type === 'opened' || type === 'closed')
    expect(changes).toMatchObject([
      { type: 'opened', part: 'south/gpt-4o' },
      { type: 'closed', part: 'south/gpt-4o' }
    ])
  })
})

describe('a request that is wrong itself', () => {
  it('is told so in the words of the first provider, and is not sent elsewhere', async () => {
    await start(['south', 'claude/claude-sonnet-5', 'openai'])
    fleet.providers.south.fail({ status: 400, headers: { 'x-request-id': 'req-1' } })
    const error = await failed()
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error.requestID).toBe('req-1')
    expect(error.headers?.get('x-reprise-provider')).toBe('south')
    expect(fleet.asked()).toEqual({ south: 1 })
  })

  it('for the one of another dialect only goes on to the next', async () => {
    await start(['south', 'claude/claude-sonnet-5', 'openai'], { retry: { attempts: 0 } })
    fleet.providers.south.fail({ status: 500 })
    fleet.providers.claude.fail({ status: 400 })
    expect(marks(await ask())).toEqual({ layer: 'provider', provider: 'openai', fallback: null })
    expect(fleet.asked()).toEqual({ south: 1, claude: 1, openai: 1 })
  })
})

describe('a route with one target', () => {
  it('passes on what its provider says, as it came', async () => {
    await start(['south'], { retry: { attempts: 0 } })
    const body = { error: { message: 'Slow down.', type: 'requests', param: null, code: 'rate_limit_exceeded' } }
    fleet.providers.south.fail({ status: 429, headers: { 'retry-after': '3', 'x-request-id': 'req-2' }, body })
    const error = await failed()
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ message: '429 Slow down.', code: 'rate_limit_exceeded', requestID: 'req-2' })
    expect(error.headers?.get('retry-after')).toBe('3')
    expect(error.headers?.get('x-reprise-provider')).toBe('south')
  })

  it('says it in the dialect of whoever asks, when it is of another', async () => {
    await start(['claude/claude-sonnet-5'], { retry: { attempts: 0 } })
    fleet.providers.claude.fail({ status: 429, headers: { 'retry-after': '3' } })
    const error = await failed()
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({
      type: 'rate_limit_error',
      message: expect.stringMatching(/^429 claude: .*rate limit/)
    })
    expect(error.headers?.get('retry-after')).toBe('3')
  })
})

describe('a caller who leaves', () => {
  it('takes the call along; nobody else is asked', async () => {
    await start(['south', 'openai'])
    fleet.providers.south.fail('hang')
    const leaving = new AbortController()
    const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hello?' }] }
    const asked = fleet.openai().chat.completions.create(body, { signal: leaving.signal })
    await expect.poll(() => fleet.asked()).toEqual({ south: 1 })
    leaving.abort()
    await expect(asked).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await expect.poll(() => fleet.providers.south.calls[0]?.outcome).toBe('aborted')
    expect(marks(await ask())).toMatchObject({ provider: 'south' })
    expect(fleet.asked()).toEqual({ south: 2 })
  })
})

describe('a condition', () => {
  it('decides by tenant, tag and field who is there for a request', async () => {
    fleet = await makeFleet({
      tenants: { 'team-a': ['sk-anna'] },
      routes: [
        {
          model: 'gpt-*',
          targets: [
            { provider: 'south', when: { tenant: 'team-a', 'params.max_tokens': { $lte: 50 } } },
            { provider: 'claude', model: 'claude-sonnet-5', when: { tags: { $in: ['cheap'] }, stream: false } },
            'openai'
          ]
        }
      ]
    })
    async function providerOf(key: string, tags: string, own: object = {}): Promise<string | null> {
      const body = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hello?' }], ...own }
      const asked = fleet.openai(key).chat.completions.create(body, { headers: { 'x-reprise-tags': tags } })
      return (await asked.withResponse()).response.headers.get('x-reprise-provider')
    }
    expect(await providerOf('sk-anna', '', { max_tokens: 50 })).toBe('south')
    expect(await providerOf('sk-anna', '', { max_tokens: 51 })).toBe('openai')
    expect(await providerOf('sk-bob', '', { max_tokens: 50 })).toBe('openai')
    expect(await providerOf('sk-bob', 'cheap, other')).toBe('claude')
    expect(await providerOf('sk-bob', 'cheap', { stream: true })).toBe('openai')
  })
})

describe('a limit of calls at the same time', () => {
  it('is kept for each provider, and the others wait in turn', async () => {
    let under = 0
    let most = 0
    fleet = await makeFleet(
      {
        providers: { south: { concurrency: 2 } },
        routes: [{ model: '*', targets: ['south', 'openai'] }]
      },
      () => ({
        async answer() {
          most = Math.max(most, ++under)
          await new Promise((resolve) => setTimeout(resolve, 10))
          under -= 1
          return { text: 'Here.' }
        }
      })
    )
    const told = await Promise.all(Array.from({ length: 7 }, (_, index) => ask(`question ${index}`)))
    expect(told.map((headers) => marks(headers).provider)).toEqual(Array(7).fill('south'))
    expect(most).toBe(2)
  })
})

describe('the deadline of a route', () => {
  it('is for all targets together, and the error says who was not asked', async () => {
    await start([{ provider: 'south', timeoutMs: 30 }, 'openai', 'claude/claude-sonnet-5'], {
      retry: { attempts: 0 },
      deadlineMs: 150
    })
    fleet.providers.south.fail({ every: 'hang' })
    fleet.providers.openai.fail({ every: 'hang' })
    const error = await failed()
    expect(error.status).toBe(504)
    expect(error.message).toMatch(
      /south\/gpt-4o: gave no answer within 30 ms; openai\/gpt-4o: gave no answer within \d+ ms; claude\/claude-sonnet-5: not asked: the 150 ms for all targets together were over/
    )
    expect(fleet.asked()).toEqual({ south: 1, openai: 1 })
  })
})

describe('embeddings', () => {
  const input = ['one', 'two']
  const embed = (own: readonly string[] = input) =>
    fleet
      .openai()
      .embeddings.create({ model: 'text-embedding-3-small', input: [...own] })
      .withResponse()

  it('are had of the next as well, and each is stored under what was asked', async () => {
    await start(['openai', 'south'], { retry: { attempts: 0 } })
    await fleet.providers.openai.close()
    const { data, response } = await embed()
    expect(data.data.map(({ index }) => index)).toEqual([0, 1])
    expect(marks(response.headers)).toEqual({ layer: 'provider', provider: 'south', fallback: null })
    expect(marks((await embed(['two'])).response.headers).layer).toBe('exact')
    expect(fleet.asked()).toEqual({ south: 1 })
  })

  it('of another model are marked and not stored', async () => {
    await start(['openai', 'south/text-embedding-3-large'], { retry: { attempts: 0 } })
    await fleet.providers.openai.close()
    for (const count of [1, 2]) {
      const { response } = await embed()
      expect(marks(response.headers)).toEqual({ layer: 'provider', provider: 'south', fallback: 'true' })
      expect(fleet.asked()).toEqual({ south: count })
    }
  })

  it('are not asked of who has none', async () => {
    await start(['openai', 'claude/claude-sonnet-5'], { retry: { attempts: 0 } })
    await fleet.providers.openai.close()
    await expect(embed()).rejects.toThrow(
      /openai\/text-embedding-3-small: .*ECONNREFUSED.*; claude\/claude-sonnet-5: claude does not speak openai-embeddings/
    )
  })
})
