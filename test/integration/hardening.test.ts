import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { gatewayOf } from '../../src/cli/admin-client.ts'
import { ensureAdminToken } from '../../src/cli/admin-token.ts'
import { explain } from '../../src/cli/explain.ts'
import { stats } from '../../src/cli/stats.ts'
import { switchCommand } from '../../src/cli/switch.ts'
import { warm } from '../../src/cli/warm.ts'
import { cacheFolder } from '../../src/config/settings.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts'
import { makeStand, type Stand } from '../support/gateway.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const token = 'admin-token-5e1d'
const shown = { 'x-reprise-admin-token': token }
const secret = 'never-to-be-read'
let stand: Stand
let folder: TemporaryFolder | undefined

afterEach(async () => {
  await stand?.close()
  folder?.remove()
  folder = undefined
})

async function start(options: GatewayOptions = {}): Promise<void> {
  stand = await makeStand({ store: 'memory:', deadlineMs: 10_000, adminToken: token, ...options })
}

function chat(content: string, more: object = {}): string {
  return JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }], ...more })
}

interface Reply {
  readonly status: number
  readonly text: string
  readonly layer: string | undefined
}

/** As bytes on the wire: `fetch` would tidy the path up, and may not name host and origin. */
async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string
): Promise<Reply> {
  const { port } = new URL(stand.gateway.url)
  const own = { authorization: 'Bearer sk-alice', 'content-type': 'application/json', ...headers }
  const request = httpRequest({ port, host: '127.0.0.1', method, path, headers: own }).end(body)
  const [response] = await once(request, 'response')
  return {
    status: response.statusCode,
    text: await text(response),
    layer: response.headers['x-reprise-layer']
  }
}

/** The first line of what a WebSocket's handshake is answered with. */
async function handshake(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const socket = connect(Number(new URL(stand.gateway.url).port), '127.0.0.1')
  const own = { host: 'localhost', connection: 'upgrade', upgrade: 'websocket', ...headers }
  const lines = Object.entries(own).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const said = await text(socket)
  return said.split('\r\n')[0] ?? ''
}

describe('what anybody may read', () => {
  const budgets: GatewayOptions['budgets'] = [
    { name: 'all', limitUsd: 10 },
    { name: 'each', limitUsd: 10, per: 'tenant' },
    { name: 'project', limitUsd: 10, per: 'tag' }
  ]

  it('says of a budget that each has for itself how much is spent of it, and not whose it is', async () => {
    await start({ budgets, unknownPrice: 'allow', tenants: { 'tenant-alice': ['sk-alice'] } })
    await ask('POST', '/v1/chat/completions', { 'x-reprise-tags': 'tag-of-somebody' }, chat('a'))
    await ask('POST', '/v1/chat/completions', { 'x-reprise-tags': 'tag-of-another' }, chat('b'))
    const { text: open } = await ask('GET', '/metrics')
    expect(open).not.toMatch(/tag-of|tenant-alice/)
    for (const name of ['all', 'each', 'project']) {
      expect(open.split(`reprise_budget_spent_usd{budget="${name}"}`)).toHaveLength(2)
    }
    const { text: full } = await ask('GET', '/metrics', shown)
    expect(full).toContain('reprise_budget_spent_usd{budget="each tenant-alice"}')
    expect(full).toContain('reprise_budget_limit_usd{budget="project tag-of-another"} 10')
  })

  it('names so many tags that have a budget of their own, however many callers make up', async () => {
    await start({ budgets, unknownPrice: 'allow' })
    const tags = (from: number): string => Array.from({ length: 60 }, (_, index) => `tag-${from + index}`).join()
    for (let from = 0; from < 300; from += 60) {
      await ask('POST', '/v1/chat/completions', { 'x-reprise-tags': tags(from) }, chat(`${from}`))
    }
    const { text: full } = await ask('GET', '/metrics', shown)
    expect(full.split('reprise_budget_spent_usd{budget="project tag-')).toHaveLength(201)
  })
})

describe('a path below /v1', () => {
  it.each([
    '/v1/../admin',
    '/v1/files/../../admin',
    '/v1/%2e%2e/admin',
    '/v1/.%2E/admin',
    '/v1/x%2f..%2f..%2fadmin',
    '/v1/..\\admin',
    '/v1/..;/admin',
    '/v1/files/..'
  ])('leads nowhere above it: %s', async (path) => {
    await start({ openaiKey: 'sk-operator' })
    expect(await ask('GET', path)).toMatchObject({ status: 404, text: expect.stringContaining('leads out of /v1') })
    expect(await handshake(path)).toMatch(/ 400 /)
    expect(stand.provider.calls).toEqual([])
  })

  it('may have dots otherwise', async () => {
    await start()
    await ask('GET', '/v1/files/a..b/.hidden/c...')
    expect(stand.provider.calls).toMatchObject([{ path: '/v1/files/a..b/.hidden/c...' }])
  })
})

describe('a page from elsewhere, at a gateway of this machine that has a key of the operator', () => {
  const evil = 'https://evil.example'

  it.each([
    { origin: evil },
    { origin: evil, 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { origin: 'http://evil.example', host: 'evil.example' }
  ])('spends nothing: %o', async (headers) => {
    await start({ openaiKey: 'sk-operator' })
    const { port } = new URL(stand.gateway.url)
    // Its name has been pointed at this machine, and has this port.
    const rebound =
      headers.host === undefined ? {} : { host: `evil.example:${port}`, origin: `${headers.origin}:${port}` }
    const all = { ...headers, ...rebound, 'content-type': 'text/plain' }
    expect((await ask('POST', '/v1/chat/completions', all, chat('a'))).status).toBe(403)
    expect((await ask('OPTIONS', '/v1/chat/completions', all)).status).toBe(403)
    expect((await ask('GET', '/v1/files', all)).status).toBe(403)
    expect(await handshake('/v1/realtime', all)).toMatch(/ 400 /)
    expect(stand.provider.calls).toEqual([])
  })

  it('reads nothing where all callers are one', async () => {
    await start({ tenancy: 'one' })
    await ask('POST', '/v1/chat/completions', {}, chat('a'))
    expect((await ask('POST', '/v1/chat/completions', { origin: evil }, chat('a'))).status).toBe(403)
  })

  it.each([
    {},
    { origin: 'http://localhost:3000' },
    { origin: 'http://app.localhost' },
    { origin: 'http://127.0.0.1:5173', 'sec-fetch-site': 'same-site' },
    { origin: 'chrome-extension://abcdef' },
    { origin: 'https://app.example', host: 'app.example' },
    { origin: 'https://app.example', 'sec-fetch-site': 'same-origin' }
  ])('is told from programs, pages of this machine, and those of a proxy: %o', async (headers) => {
    await start({ openaiKey: 'sk-operator' })
    expect((await ask('POST', '/v1/chat/completions', headers, chat('a'))).status).toBe(200)
  })

  it('may bring a key of its own where there is none of the operator', async () => {
    await start()
    expect((await ask('POST', '/v1/chat/completions', { origin: evil }, chat('a'))).status).toBe(200)
  })
})

describe('a name of a model, made up by a caller', () => {
  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }] }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'a' }], max_tokens: 1 }],
    ['/v1/responses', { input: 'a' }],
    ['/v1/embeddings', { input: 'a' }]
  ])('is neither kept nor looked up nor repeated when it is longer than any: %s', async (path, body) => {
    await start({ budgets: [{ name: 'each', limitUsd: 10, per: 'model' }] })
    const asked = JSON.stringify({ ...body, model: 'm'.repeat(1_000_000) })
    const { status, text: refused } = await ask('POST', path, {}, asked)
    expect(refused.length).toBeLessThan(1000)
    expect([status, refused]).toEqual([400, expect.stringContaining('got one of 1000000 characters, of at most 1024')])
    expect(JSON.parse((await ask('GET', '/budgets', shown)).text)).toEqual({ budgets: [] })
    expect(stand.provider.calls).toEqual([])
  })
})

describe('an input nested deeper than anybody can read', () => {
  it.each(['input', 'model'])('is called wrong: %s', async (field) => {
    await start()
    const [model, input] = ['"text-embedding-3-small"', '"a"']
    const deep = `{"a": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    const body = `{"model": ${field === 'model' ? deep : model}, "input": ${field === 'input' ? deep : input}}`
    expect((await ask('POST', '/v1/embeddings', {}, body)).status).toBe(400)
  })
})

describe('what tells a gateway behind this one whom to ask', () => {
  it.each([
    ['x-portkey-provider', 'openai', 'azure-openai'],
    ['x-portkey-config', 'pc-one', 'pc-two'],
    ['x-portkey-custom-host', 'https://one.example', 'https://two.example'],
    ['helicone-target-url', 'https://one.example', 'https://two.example'],
    ['helicone-model-override', 'gpt-4o', 'gpt-4']
  ])('keeps answers apart, also where all callers are one: %s', async (name, one, other) => {
    await start({ tenancy: 'one' })
    const layer = async (value: string | undefined) =>
      (await ask('POST', '/v1/chat/completions', value === undefined ? {} : { [name]: value }, chat('a'))).layer
    expect([await layer(one), await layer(one), await layer(other), await layer(undefined)]).toEqual([
      'provider',
      'exact',
      'provider',
      'provider'
    ])
  })

  it('keeps keys apart that are written into a config', async () => {
    await start()
    const layer = async (key: string) => {
      const config = JSON.stringify({ provider: 'openai', api_key: key, cache: { mode: 'simple' } })
      return (await ask('POST', '/v1/chat/completions', { 'x-portkey-config': config }, chat('a'))).layer
    }
    expect([await layer('sk-a'), await layer('sk-b'), await layer('sk-a')]).toEqual(['provider', 'provider', 'exact'])
  })
})

describe('a body for those who look after it', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`

  it.each([
    ['POST', '/cache/invalidate', `{"tag": ${deep}}`],
    ['POST', '/cache/invalidate', `{"all": ${deep}}`],
    ['POST', '/cache/invalidate', `{"dryRun": ${deep}}`],
    ['POST', '/cache/warm', `{"popular": ${deep}}`],
    ['PUT', '/switches/llm', `{"on": ${deep}}`],
    ['POST', '/cache/import', `{"pairs": {"a": ${deep}}}`]
  ])('may be nested as deep as it likes, and is called wrong: %s %s', async (method, path, body) => {
    await start()
    const { status, text: said } = await ask(method, path, shown, body)
    expect(status).toBe(400)
    expect(said.length).toBeLessThan(1000)
  })

  it('says of each pair what is wrong with it', async () => {
    await start()
    const request = { model: 'gpt-4o', messages: [{ role: 'user', content: 'a' }] }
    const pair = (more: object): string => JSON.stringify({ request, response: 'b', ...more })
    const many = Array.from({ length: 65 }, (_, index) => `t${index}`)
    const pairs = [`[${deep}]`, pair({ tags: many }), pair({ tags: ['t'.repeat(257)] }), pair({})]
    const { status, text: said } = await ask('POST', '/cache/import', shown, `{"pairs": [${pairs.join()}]}`)
    expect(status).toBe(200)
    const { stored, refused } = JSON.parse(said)
    expect(stored).toBe(1)
    expect(refused.map(({ reason }: { reason: string }) => reason)).toEqual([
      'it is nested too deep to be read',
      expect.stringContaining('at most 64, of at most 256 characters'),
      expect.stringContaining('at most 64, of at most 256 characters')
    ])
  })
})

describe('a gateway', () => {
  it.each([
    [{ host: '', adminToken: token }, 'host: expected an address, got none'],
    [{ adminHost: '', adminToken: token }, 'admin-host: expected an address, got none'],
    [{ host: '0.0.0.0', adminHost: '127.0.0.1', adminToken: token }, 'admin-host: expected an admin-port beside it'],
    [{ port: 45_678, adminPort: 45_678 }, 'admin-port: expected another than port, got 45678 for both'],
    [{ port: 0, adminHost: '0.0.0.0', adminPort: 0 }, 'admin-host: other machines reach 0.0.0.0']
  ] as const)('does not start with %o', async (options, message) => {
    await expect(startGateway({ store: 'memory:', ...options })).rejects.toThrow(message)
  })

  it.each([`a\n${secret}`, `${secret} `, `${secret}\u2713`, ''])(
    'does not start with a token that nobody can show: %j',
    async (odd) => {
      const refusal: unknown = await startGateway({ store: 'memory:', port: 0, adminToken: odd }).catch(
        (error) => error
      )
      expect(String(refusal)).toContain('admin-token: expected')
      expect(String(refusal)).not.toContain(secret)
    }
  )
})

describe('a command', () => {
  function surroundings(own: NodeJS.ProcessEnv = {}) {
    folder ??= temporaryFolder()
    const environment = { XDG_CACHE_HOME: folder.path, ...own }
    const sink = { write: () => true }
    return { environment, output: sink, progress: sink, errors: sink, end: () => {} }
  }

  async function refusalOf(run: Promise<unknown>): Promise<string> {
    return run.then(
      () => 'it was done',
      (error: Error) => error.message
    )
  }

  it.each([
    ['REPRISE_ADMIN_TOKEN', `a\n${secret}`],
    ['REPRISE_ADMIN_TOKEN', `${secret}\u2713`],
    ['OPENAI_API_KEY', `a\n${secret}`],
    ['ANTHROPIC_API_KEY', `${secret}\u2713`]
  ])('neither repeats nor sends what is no %s', async (name, odd) => {
    await start()
    const { environment, ...rest } = surroundings({ [name]: odd })
    const { url } = stand.gateway
    const file = join(String(folder?.path), 'request.json')
    writeFileSync(file, `${chat('a')}\n`)
    const asking = [() => warm([file, '--url', url], { environment, ...rest })]
    const administering = [() => stats(['--url', url], { environment, ...rest }), () => ensureAdminToken(environment)]
    const others = name === 'REPRISE_ADMIN_TOKEN' ? administering : asking
    for (const run of [() => explain([file, '--url', url], environment), ...others]) {
      const refusal = await refusalOf(run())
      expect(refusal).toMatch(new RegExp(`^${name}: expected `))
      expect(refusal).not.toContain(secret)
    }
    expect(stand.provider.calls).toEqual([])
  })

  it.each(['expect: 100-continue', 'keep-alive: 5', 'Upgrade: h2c', 'connection: close'])(
    'takes no header that is for the connection: %s',
    async (header) => {
      await start()
      const { environment, ...rest } = surroundings()
      const file = join(String(folder?.path), 'request.jsonl')
      writeFileSync(file, chat('a'))
      const run = warm([file, '--url', stand.gateway.url, '--header', header], { environment, ...rest })
      expect(await refusalOf(run)).toContain('expected nothing, got a header')
    }
  )

  it('says that it speaks with no gateway', async () => {
    await start()
    const { environment } = surroundings()
    const refusal = await refusalOf(stats(['--url', stand.provider.url], { environment }))
    expect(refusal).toContain(`what answers at ${stand.provider.url} is no Reprise gateway`)
  })

  it('says that the gateway is looked after elsewhere', async () => {
    await start({ adminPort: 0 })
    const { environment, ...rest } = surroundings({ REPRISE_ADMIN_TOKEN: token })
    for (const run of [
      () => stats(['--url', stand.gateway.url], { environment, ...rest }),
      () => switchCommand(['semantic', 'off', '--url', stand.gateway.url], { environment, ...rest })
    ]) {
      expect(await refusalOf(run())).toMatch(/has an admin-port, and --url has to name that$/)
    }
    await switchCommand(['semantic', 'off', '--url', stand.gateway.adminUrl], { environment, ...rest })
  })

  it('says where the token comes from, whatever it was to do', async () => {
    await start()
    const { environment, ...rest } = surroundings({ REPRISE_ADMIN_TOKEN: secret })
    const { url } = stand.gateway
    const file = join(String(folder?.path), 'pairs.jsonl')
    const pair = { request: JSON.parse(chat('a')), response: 'b' }
    writeFileSync(file, `${JSON.stringify(pair)}\n`)
    for (const run of [
      () => explain([file, '--url', url], environment),
      () => warm(['--import', file, '--url', url], { environment, ...rest }),
      () => warm(['--popular', '3', '--url', url], { environment, ...rest })
    ]) {
      const refusal = await refusalOf(run())
      expect(refusal).toContain('has another admin token: set REPRISE_ADMIN_TOKEN')
      expect(refusal).not.toContain(secret)
    }
  })

  it.each(['nope', '127.0.0.1:4141', ''])('says what is wrong with the address %j', async (url) => {
    await start()
    const { environment } = surroundings()
    const file = join(String(folder?.path), 'request.json')
    writeFileSync(file, chat('a'))
    expect(await refusalOf(explain([file, '--through', url], environment))).toContain('--url: expected a URL such as')
  })

  it('does not repeat a password in an address', async () => {
    const refusal = await refusalOf(gatewayOf('stats', `http://user:${secret}@127.0.0.1:4141`, {}))
    expect(refusal).toContain('without a user and a password')
    expect(refusal).not.toContain(secret)
  })

  it('says of a file with nothing in it that there is nothing to do', async () => {
    folder = temporaryFolder()
    const file = join(folder.path, 'empty.jsonl')
    writeFileSync(file, '\n\n')
    let output = ''
    const sink = { write: (said: string) => (output += said) }
    for (const flags of [[file], ['--import', file]]) {
      await warm(flags, { environment: {}, output: sink, progress: sink, end: (code) => expect(code).toBe(0) })
    }
    expect(output).toBe(
      `${file} holds no requests: there is nothing to ask\n${file} holds no pairs: there is nothing to store\n`
    )
  })
})

describe("the user's cache folder", () => {
  it('is not one within whatever folder a command is called in', () => {
    const usual = join(homedir() || userInfo().homedir, '.cache', 'reprise')
    expect(cacheFolder({ XDG_CACHE_HOME: 'relative' }, 'linux')).toBe(usual)
    expect(cacheFolder({ XDG_CACHE_HOME: '' }, 'linux')).toBe(usual)
    expect(cacheFolder({ XDG_CACHE_HOME: '/absolute' }, 'linux')).toBe(join('/absolute', 'reprise'))
  })
})
