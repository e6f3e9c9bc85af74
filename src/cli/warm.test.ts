import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { UsageError } from './usage-error.ts'
import { warm } from './warm.ts'

/** A request that the stand-in for a gateway has got. */
interface Asked {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: JsonObject
  readonly text: string
}

let folder: TemporaryFolder
let server: Server
let url: string
let asked: Asked[]
/** What it answers; undefined: 404. */
let answer: (request: Asked, response: ServerResponse) => Json | undefined

beforeEach(async () => {
  folder = temporaryFolder()
  asked = []
  server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const path = request.url ?? ''
    if (path === '/health')
      return send(response, { status: 'ok', version: '1', store: { name: 'memory', state: 'up' } })
    const one = { path, headers: request.headers, body: JSON.parse(text) as JsonObject, text }
    asked.push(one)
    const said = answer(one, response)
    if (response.headersSent) return undefined
    if (said === undefined) response.statusCode = 404
    return send(response, said ?? { error: { message: 'no such path', code: 'not-found' } })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  folder.remove()
})

function send(response: ServerResponse, value: Json): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

interface Ran {
  readonly exitCode: number | undefined
  readonly output: string
  readonly progress: string
}

const keys = { OPENAI_API_KEY: 'sk-open', ANTHROPIC_API_KEY: 'sk-ant', REPRISE_ADMIN_TOKEN: 'secret' }

async function run(flags: readonly string[], environment: NodeJS.ProcessEnv = keys): Promise<Ran> {
  let [output, progress] = ['', '']
  let exitCode: number | undefined
  await warm([...flags, '--url', url], {
    environment,
    output: { write: (text) => (output += text) },
    progress: { write: (text) => (progress += text) },
    end: (code) => {
      exitCode = code
    }
  })
  return { exitCode, output, progress }
}

function file(name: string, lines: readonly (string | JsonObject)[]): string {
  const path = join(folder.path, name)
  writeFileSync(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'))
  return path
}

function chat(question: string): JsonObject {
  return { model: 'gpt-5', messages: [{ role: 'user', content: question }] }
}

function message(question: string): JsonObject {
  return { ...chat(question), model: 'claude-haiku-4-5', max_tokens: 10 }
}

/** Answers as a gateway that has asked a provider, at a cent each. */
function asProvider(_: Asked, response: ServerResponse): Json {
  response.setHeader('x-reprise-layer', 'provider').setHeader('x-reprise-cost-usd', '0.01000000')
  response.setHeader('cache-status', 'reprise; fwd=miss; stored')
  return {}
}

describe('reprise warm, called wrongly', () => {
  it.each([
    [[], 'expected a file of requests, --import FILE or --popular N, got none'],
    [['a', 'b'], 'got a and b'],
    [['a', '--popular', '5'], 'got a and --popular'],
    [['a', '--nonsense'], "Unknown option '--nonsense'"],
    [['a', '--budget', 'much'], '--budget: expected US dollars, more than 0, such as 5 or 0.50, got "much"'],
    [['a', '--budget', '0'], '--budget: expected US dollars, more than 0'],
    [['a', '--concurrency', '0'], '--concurrency: expected a whole number from 1 to 1024, got "0"'],
    [['a', '--limit', '1.5'], '--limit: expected a whole number'],
    [['--popular', 'all'], '--popular: expected a whole number'],
    [['a', '--ttl', 'soon'], '--ttl: expected a duration'],
    [['a', '--tag', 'x,y'], '--tag: expected ASCII characters, no comma'],
    [['a', '--requests', 'b'], '--requests: expected it with --import, got it beside a'],
    [['--popular', '5', '--tag', 'x'], '--tag: expected it elsewhere, got it beside --popular'],
    [['--import', 'a', '--budget', '5'], '--budget: expected it where something is asked, got it beside --import'],
    [['a', '--header', 'x-api-key: k'], '--header x-api-key: expected a key in OPENAI_API_KEY or ANTHROPIC_API_KEY'],
    [['a', '--header', 'X-Reprise-Tags: k'], '--header X-Reprise-Tags: expected tags with --tag'],
    [['a', '--header', 'no colon'], "--header: expected 'NAME: VALUE' in ASCII"],
    [['a', '--header', 'x: a\nb'], "--header: expected 'NAME: VALUE' in ASCII"],
    [['missing.jsonl'], 'cannot read missing.jsonl: ENOENT'],
    [['--import', 'a', '--requests', 'missing.jsonl'], 'cannot read missing.jsonl: ENOENT']
  ])('says what it expects: %j', async (flags, message) => {
    await expect(run(flags)).rejects.toThrow(message)
    await expect(run(flags)).rejects.toBeInstanceOf(UsageError)
  })

  it('wants a URL', async () => {
    const called = warm(['a', '--url', 'localhost:4141'], { environment: {}, output: { write() {} } })
    await expect(called).rejects.toThrow('--url: expected a URL such as http://127.0.0.1:4141')
  })

  it('explains itself', async () => {
    expect((await run(['--help'])).output).toContain('reprise warm --import PAIRS.jsonl')
  })
})

describe('reprise warm REQUESTS.jsonl', () => {
  it('shows each dialect its key, and sends tags and time to live', async () => {
    answer = asProvider
    const lines = [chat('a'), { request: message('b'), tags: ['own'], ttl: '2h' }]
    const path = file('requests.jsonl', lines)
    expect(await run([path, '--tag', 'one', '--tag', 'two', '--ttl', '30m'])).toMatchObject({ exitCode: 0 })
    const [openai, anthropic] = asked.toSorted((a, b) => a.path.localeCompare(b.path))
    expect(openai).toMatchObject({ path: '/v1/chat/completions', body: chat('a') })
    expect(openai?.headers).toMatchObject({
      authorization: 'Bearer sk-open',
      'x-reprise-tags': 'one,two',
      'x-reprise-ttl': '30m'
    })
    expect(openai?.headers).not.toHaveProperty('x-api-key')
    expect(anthropic).toMatchObject({ path: '/v1/messages', body: message('b') })
    expect(anthropic?.headers).toMatchObject({
      'x-api-key': 'sk-ant',
      'anthropic-version': '2023-06-01',
      'x-reprise-tags': 'one,two,own',
      'x-reprise-ttl': '2h'
    })
    expect(anthropic?.headers).not.toHaveProperty('authorization')
    expect(asked.some(({ headers }) => 'x-reprise-admin-token' in headers)).toBe(false)
  })

  it('sends what decides which callers find the answers, and says what it has assumed', async () => {
    answer = asProvider
    const path = file('requests.jsonl', [chat('a'), message('b')])
    const note =
      "for callers that send anthropic-version: 2023-06-01; for others, say --header 'anthropic-version: VERSION'"
    expect((await run([path])).output).toContain(note)
    asked = []
    const flags = [
      '--header',
      'Anthropic-Version: 2026-10-21',
      '--header',
      'openai-organization:org-1',
      '--header',
      'x-reprise-scope: eu'
    ]
    await expect(run([path, ...flags])).rejects.toThrow('another way')
    expect((await run([path, ...flags, '--restart'])).output).not.toContain(note)
    const [openai, anthropic] = asked.toSorted((a, b) => a.path.localeCompare(b.path))
    expect(openai?.headers).toMatchObject({ 'openai-organization': 'org-1', 'x-reprise-scope': 'eu' })
    expect(openai?.headers).not.toHaveProperty('anthropic-version')
    expect(anthropic?.headers).toMatchObject({ 'anthropic-version': '2026-10-21', 'x-reprise-scope': 'eu' })
    expect(anthropic?.headers).not.toHaveProperty('openai-organization')
  })

  it('asks nothing when a line is wrong, and names the first', async () => {
    const path = file('requests.jsonl', [chat('a'), '', '{"prompt":"x"}', chat('b'), 'no JSON'])
    await expect(run([path])).rejects.toThrow(
      /requests\.jsonl, line 3: expected a request .*, and 1 more line is wrong too; nothing was sent/
    )
    await expect(run([path])).rejects.toBeInstanceOf(UsageError)
    expect(asked).toEqual([])
    answer = asProvider
    const { output, exitCode } = await run([path, '--skip-invalid'])
    expect([exitCode, asked.length]).toEqual([0, 2])
    expect(output).toContain('2 lines of')
    expect(output).toContain('2 of 2 requests done: all')
  })

  it('waits and asks again when it is told to, and puts what failed for good into a file', async () => {
    let tries = 0
    answer = ({ text }, response) => {
      if (text.includes('bad')) {
        response.statusCode = 400
        return { error: { message: 'no such model\nhere', code: 'x' } }
      }
      if (text.includes('busy') && tries++ < 2) {
        response.setHeader('retry-after', '0').statusCode = tries === 1 ? 429 : 503
        return { error: { message: 'later' } }
      }
      return asProvider(asked[0] as Asked, response)
    }
    const path = file('requests.jsonl', [chat('good'), chat('bad'), chat('busy'), chat('bad too')])
    const { exitCode, output, progress } = await run([path])
    expect(exitCode).toBe(1)
    expect(output).toContain('0 hits, 2 asked for $0.0200, 2 failed')
    expect(output).toContain(`2 of 4 requests done, says ${path}.progress; the same command goes on with the rest`)
    expect(progress).toContain('line 2 failed (400): no such model here\n')
    const errors = readFileSync(`${path}.errors.jsonl`, 'utf8').trim().split('\n')
    expect(errors.map((line) => JSON.parse(line)).toSorted((a, b) => a.line - b.line)).toEqual([
      { line: 2, status: 400, message: 'no such model\nhere' },
      { line: 4, status: 400, message: 'no such model\nhere' }
    ])

    asked = []
    answer = asProvider
    expect(await run([path])).toMatchObject({ exitCode: 0 })
    expect(asked.map(({ body }) => body)).toEqual(expect.arrayContaining([chat('bad'), chat('bad too')]))
    expect(asked).toHaveLength(2)
    expect(existsSync(`${path}.errors.jsonl`)).toBe(false)
  })

  it('does not ask again what the gateway says is in vain', async () => {
    answer = (_, response) => {
      response.setHeader('retry-after', '0').setHeader('x-should-retry', 'false').statusCode = 429
      return { error: { message: 'over budget', code: 'over-budget' } }
    }
    expect(await run([file('requests.jsonl', [chat('a')])])).toMatchObject({ exitCode: 1 })
    expect(asked).toHaveLength(1)
  })

  it('stops when the key is wrong instead of asking everything', async () => {
    answer = (_, response) => {
      response.statusCode = 401
      return { error: { message: 'wrong key' } }
    }
    const lines = Array.from({ length: 500 }, (_, index) => chat(`q${index}`))
    const { exitCode, output, progress } = await run([file('requests.jsonl', lines), '--concurrency', '4'])
    expect(exitCode).toBe(1)
    expect(asked.length).toBeLessThan(30)
    expect(output).toContain('stopped: too many failed in a row for a reason that concerns all of them')
    expect(progress.match(/wrong key/g)).toHaveLength(5)
  })

  it('says how far it is with looking through a long file', async () => {
    answer = asProvider
    const path = file(
      'requests.jsonl',
      Array.from({ length: 6 }, () => chat('x'.repeat(4_000_000)))
    )
    const { progress } = await run([path, '--limit', '1'])
    expect(progress).toBe('')
    let shown = ''
    const terminal = { isTTY: true, columns: 80, write: (text: string) => (shown += text) }
    await warm([path, '--limit', '1', '--url', url], {
      environment: keys,
      output: { write() {} },
      progress: terminal,
      end() {}
    })
    expect(shown).toContain('1/2 50%')
    expect(shown).toMatch(/\d+\/25 \d+% {2}MB looked through/)
  })

  it('takes N at a time, and goes on', async () => {
    answer = asProvider
    const path = file('requests.jsonl', [chat('a'), chat('b'), chat('c')])
    expect((await run([path, '--limit', '2'])).output).toContain('2 of 3 requests done, says')
    expect((await run([path, '--limit', '2'])).output).toContain('3 of 3 requests done: all')
    expect(asked.map(({ body }) => body)).toEqual([chat('a'), chat('b'), chat('c')])
    expect((await run([path])).output).toContain('all 3 requests of')
    expect(asked).toHaveLength(3)
    await run([path, '--restart'])
    expect(asked).toHaveLength(6)
  })

  it('notices that the file, the key or the gateway is another', async () => {
    answer = asProvider
    const path = file('requests.jsonl', [chat('a'), chat('b')])
    await run([path, '--limit', '1'])
    await expect(run([path], { ...keys, OPENAI_API_KEY: 'sk-other' })).rejects.toThrow(/another way.*--restart/)
    await expect(run([path, '--tag', 'x'])).rejects.toThrow(/another way.*--restart/)
    // What no line is asked with does not matter.
    expect(await run([path, '--limit', '1'], { OPENAI_API_KEY: 'sk-open' })).toMatchObject({ exitCode: 0 })
    file('requests.jsonl', [chat('a'), chat('c')])
    await expect(run([path])).rejects.toThrow(/another content.*--restart/)
    await expect(run([path])).rejects.toBeInstanceOf(UsageError)
    expect(readFileSync(`${path}.progress`, 'utf8')).not.toContain('sk-open')
  })

  it('counts who shares a call as a hit, says what is not kept, and what has no price', async () => {
    answer = ({ text }, response) => {
      asProvider(asked[0] as Asked, response)
      if (text.includes('joined')) response.setHeader('cache-status', 'reprise; fwd=miss; collapsed')
      if (text.includes('search')) {
        response.setHeader('cache-status', 'reprise; fwd=bypass; detail=web-search')
        response.setHeader('x-reprise-bypass-reason', 'web-search')
      }
      if (text.includes('free')) response.setHeader('x-reprise-cost-usd', 'unknown')
      if (text.includes('known')) response.setHeader('x-reprise-layer', 'exact').setHeader('x-reprise-cost-usd', '0')
      return {}
    }
    const { output, exitCode } = await run([
      file('requests.jsonl', [chat('joined'), chat('search'), chat('free'), chat('known')])
    ])
    expect(exitCode).toBe(0)
    expect(output).toContain('2 hits, 2 asked for $0.0100, 0 failed')
    expect(output).toContain('1 answer has no known price')
    expect(output).toContain('1 answer is not in the cache (web-search)')
  })

  it('stops at a price that nobody knows when there is a budget', async () => {
    answer = (one, response) => {
      asProvider(one, response)
      response.setHeader('x-reprise-cost-usd', 'unknown')
      return {}
    }
    const path = file('requests.jsonl', [chat('a'), chat('b'), chat('c')])
    const { output, exitCode } = await run([path, '--budget', '1'])
    expect([exitCode, asked.length]).toEqual([1, 1])
    expect(output).toContain(
      'a price that nobody knows, and there is a budget; give the gateway its price, or go on with --allow-unknown'
    )
    expect(await run([path, '--budget', '1', '--allow-unknown'])).toMatchObject({ exitCode: 0 })
    expect(asked).toHaveLength(3)
  })

  it('says nothing of its progress when it is to be quiet', async () => {
    answer = () => undefined
    const { progress, exitCode } = await run([file('requests.jsonl', [chat('a')]), '--quiet'])
    expect([progress, exitCode]).toEqual(['', 1])
  })

  it('pays nobody who is no gateway', async () => {
    answer = () => ({ choices: [] })
    const lines = Array.from({ length: 50 }, (_, index) => chat(`q${index}`))
    await expect(run([file('requests.jsonl', lines)])).rejects.toThrow(/no Reprise gateway.*--url/)
    expect(asked.length).toBeLessThanOrEqual(8)
    const gone = warm([file('more.jsonl', lines), '--url', 'http://127.0.0.1:1'], {
      environment: keys,
      output: { write() {} }
    })
    await expect(gone).rejects.toThrow(/no gateway answers at http:\/\/127\.0\.0\.1:1/)
  })
})

describe('reprise warm --import', () => {
  function pairs(count: number, more: JsonObject = {}): JsonObject[] {
    return Array.from({ length: count }, (_, index) => ({ request: chat(`q${index}`), response: `a${index}`, ...more }))
  }

  function listOf({ body }: Asked): readonly Json[] {
    return Array.isArray(body['pairs']) ? body['pairs'] : []
  }

  it('sends pairs in batches, each with the credential of its dialect and the admin token', async () => {
    answer = (one) => ({ stored: listOf(one).length, refused: [] })
    const lines = [...pairs(120), { request: message('m'), endpoint: '/v1/messages', response: 'x', tags: ['own'] }]
    const path = file('pairs.jsonl', lines)
    const { exitCode, output } = await run(['--import', path, '--tag', 'faq', '--ttl', '7d', '--concurrency', '1'])
    expect(exitCode).toBe(0)
    expect(output).toContain('121 pairs stored, 0 refused')
    expect(asked.map((one) => [one.path, listOf(one).length]).toSorted()).toEqual([
      ['/cache/import', 1],
      ['/cache/import', 20],
      ['/cache/import', 50],
      ['/cache/import', 50]
    ])
    expect(asked.every(({ headers }) => headers['x-reprise-admin-token'] === 'secret')).toBe(true)
    const anthropic = asked.filter(({ headers }) => headers['x-api-key'] !== undefined)
    expect(anthropic.map(listOf)).toEqual([
      [{ endpoint: '/v1/messages', request: message('m'), response: 'x', tags: ['faq', 'own'], ttl: '7d' }]
    ])
    expect(anthropic[0]?.headers).not.toHaveProperty('authorization')
    const openai = asked.filter(({ headers }) => headers.authorization === 'Bearer sk-open')
    expect(openai.flatMap(listOf)).toEqual(
      pairs(120).map((pair) => ({ endpoint: '/v1/chat/completions', ...pair, tags: ['faq'], ttl: '7d' }))
    )
  })

  it('sends no more than a megabyte at once', async () => {
    answer = (one) => ({ stored: listOf(one).length, refused: [] })
    await run(['--import', file('pairs.jsonl', pairs(9, { response: 'x'.repeat(300_000) }))])
    expect(asked.map((one) => listOf(one).length)).toEqual([3, 3, 3])
  })

  it('says which lines were refused and why, and sends only these again', async () => {
    answer = () => ({ stored: 3, refused: [{ index: 1, reason: 'truncated' }] })
    const path = file('pairs.jsonl', ['', ...pairs(4)])
    const { exitCode, output, progress } = await run(['--import', path])
    expect([exitCode, progress]).toEqual([1, 'line 3 refused: truncated\n'])
    expect(output).toContain('3 pairs stored, 1 refused')
    expect(JSON.parse(readFileSync(`${path}.errors.jsonl`, 'utf8'))).toEqual({ line: 3, message: 'truncated' })
    asked = []
    answer = () => ({ stored: 1, refused: [] })
    expect(await run(['--import', path])).toMatchObject({ exitCode: 0 })
    expect(asked.flatMap(listOf)).toMatchObject([{ request: chat('q1') }])
    expect((await run(['--import', path])).output).toContain('all 4 pairs of')
  })

  it("joins a batch's results with its requests, and counts what it leaves out", async () => {
    answer = (one) => ({ stored: listOf(one).length, refused: [] })
    const requests = file(
      'input.jsonl',
      ['a', 'b', 'c'].map((id) => ({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body: chat(id) }))
    )
    const body = { object: 'chat.completion', choices: [] }
    const results = file('output.jsonl', [
      { id: '1', custom_id: 'c', response: { status_code: 200, request_id: 'r', body }, error: null },
      { id: '2', custom_id: 'a', response: { status_code: 500, body: {} }, error: null },
      { id: '3', custom_id: 'x', response: { status_code: 200, body }, error: null }
    ])
    const { output, exitCode } = await run(['--import', results, '--requests', requests])
    expect(exitCode).toBe(0)
    expect(output).toContain('1 line of')
    expect(output).toContain('left out: with status 500')
    expect(output).toContain('left out: without a request of its custom_id')
    expect(asked.flatMap(listOf)).toEqual([
      { endpoint: '/v1/chat/completions', request: chat('c'), response: body, tags: [] }
    ])
    await expect(run(['--import', results])).rejects.toThrow(/line 1: .*--requests FILE/)
  })

  it('ends at once when it may not, or the gateway knows no import', async () => {
    answer = (_, response) => {
      response.statusCode = 401
      return { error: { message: 'expected the admin token', code: 'unauthorized' } }
    }
    const path = file('pairs.jsonl', pairs(500))
    await expect(run(['--import', path])).rejects.toThrow('has another admin token: set REPRISE_ADMIN_TOKEN')
    answer = () => undefined
    await expect(run(['--import', path])).rejects.toThrow('the gateway imports nothing, it is of another version')
  })
})

describe('reprise warm --popular', () => {
  const progress = { type: 'progress', done: 1, total: 3, hits: 0, asked: 1, failed: 0, costUsd: 0.01 }
  const done = {
    type: 'done',
    done: 3,
    total: 3,
    hits: 1,
    asked: 1,
    failed: 1,
    costUsd: 0.01,
    skipped: [{ key: 'llm:x:1', reason: 'no record' }]
  }

  function stream(lines: readonly string[]) {
    answer = (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson')
      // Cut where no line ends.
      const text = lines.join('\n')
      response.write(text.slice(0, 50))
      response.end(text.slice(50))
      return {}
    }
  }

  it('has the gateway ask, and shows how far it is', async () => {
    stream([JSON.stringify(progress), JSON.stringify(done), ''])
    const { output, exitCode } = await run(['--popular', '3', '--budget', '0.50', '--concurrency', '4'])
    expect(asked).toMatchObject([
      {
        path: '/cache/warm',
        body: { popular: 3, budgetUsd: 0.5, concurrency: 4 },
        headers: { 'x-reprise-admin-token': 'secret' }
      }
    ])
    expect(exitCode).toBe(1)
    expect(output).toBe('3 of 3 answers: 1 hit, 1 asked for $0.0100, 1 failed\nskipped llm:x:1: no record\n')
  })

  it('says that it was broken off', async () => {
    stream([JSON.stringify(progress), ''])
    await expect(run(['--popular', '3'])).rejects.toThrow('broke off: it ended before it was done')
  })

  it('says what the gateway says', async () => {
    stream([JSON.stringify(progress), JSON.stringify({ error: { message: 'the store has gone' } })])
    await expect(run(['--popular', '3'])).rejects.toThrow('the gateway says: the store has gone')
    answer = () => undefined
    await expect(run(['--popular', '3'])).rejects.toThrow('answers 404: no such path')
  })
})
