import { readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Entry, SwitchState, WholeEntry } from '../../dashboard/src/api.ts'
import { history, statistics, type Told } from './mock-data.ts'
import { budgets, entries, providers } from './mock-records.ts'

/** What the gateway sends with its pages. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

export interface MockOptions {
  /** Where the built dashboard lies. */
  readonly files: string
  /** Asked of whoever wants to administrate. Default: nobody is asked. */
  readonly token?: string
  /** Why nobody may administrate. Default: whoever may, may. */
  readonly forbid?: string
  /** What stands before all addresses: `/tools/cache`. Default: nothing. */
  readonly prefix?: string
  /** Changes what the statistics say. */
  readonly alter?: (statistics: Told) => object
  readonly entries?: readonly WholeEntry[]
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

/** The gateway's administrative interface with made-up figures that grow, and a record of what was asked of it. */
export class MockApi {
  readonly #options: MockOptions
  #server: Server | undefined
  #port = 0
  #underWay = 0
  readonly calls: Call[] = []
  /** The most statistics that were asked for at once. */
  mostAtOnce = 0
  /** Requests beside those it began with. */
  extra = 0
  /** Statistics are not said before this is. */
  held: Promise<unknown> = Promise.resolve()
  entries: readonly WholeEntry[]
  readonly switches: Record<string, SwitchState> = {
    cache: { on: true, by: 'default' },
    llm: { on: true, by: 'default' },
    embedding: { on: true, by: 'default' },
    retrieval: { on: true, by: 'default' },
    value: { on: false, by: 'configuration' },
    exact: { on: true, by: 'default' },
    semantic: { on: true, by: 'default' },
    'single-flight': { on: true, by: 'runtime' }
  }

  constructor(options: MockOptions) {
    this.#options = options
    this.entries = options.entries ?? entries(Date.now())
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#options.prefix ?? ''}/dashboard/`
  }

  /** Starts, and again at the same port. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(JSON.stringify({ error: { message: String(error) } }))
      })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve)
    })
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    server?.closeAllConnections()
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  }

  callsTo(path: string): Call[] {
    return this.calls.filter((call) => call.path.startsWith(path))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://mock')
    const { prefix = '' } = this.#options
    const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : ''
    if (path === '/dashboard') {
      response.writeHead(302, { location: `${prefix}/dashboard/` }).end()
    } else if (path.startsWith('/dashboard/')) {
      this.#file(path.slice('/dashboard/'.length), response)
    } else {
      const method = request.method ?? 'GET'
      const said = await text(request)
      const body: unknown = said === '' ? undefined : JSON.parse(said)
      this.calls.push({ method, path: path + url.search, body })
      const { status, json } = await this.#say({ method, path, query: url.searchParams, body, token: tokenOf(request) })
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    }
  }

  async #say({ method, path, query, body, token }: Asked): Promise<Said> {
    const nowMs = Date.now()
    const administrates = this.#options.forbid === undefined && [undefined, token].includes(this.#options.token)
    if (path === '/health') {
      return ok({ status: 'ok', version: '0.1.0', store: { name: 'redis://cache:6379', state: 'up' } })
    }
    if (path === '/metrics/cache/history') return ok(history(nowMs, query.get('range') === 'day' ? 'day' : 'hour'))
    if (path === '/metrics/cache/statistics') return ok(await this.#statistics(query, administrates))
    if (this.#options.forbid !== undefined) return failed(403, this.#options.forbid)
    if (!administrates) return failed(401, 'An admin token is needed.')
    if (path === '/providers') return ok(providers(nowMs))
    if (path === '/budgets') return ok({ budgets: budgets(nowMs) })
    if (path === '/store') {
      const size = { entries: 148_220, bytes: 2_840_000_000, maxBytes: 8_000_000_000 }
      return ok({ name: 'redis://cache:6379', state: 'up', ...size })
    }
    if (path.startsWith('/switches')) {
      const name = decodeURIComponent(path.slice('/switches/'.length))
      if (method === 'PUT') this.switches[name] = { on: (body as { on: boolean }).on, by: 'runtime' }
      return ok({ switches: this.switches })
    }
    if (path === '/cache/entries') {
      const found = this.entries.filter((entry) => fits(entry, query))
      const shown = found.slice(0, Number(query.get('limit') ?? 50))
      return ok({ entries: shown.map(beginning), looked: this.entries.length, truncated: shown.length < found.length })
    }
    if (path.startsWith('/cache/entries/')) {
      const key = decodeURIComponent(path.slice('/cache/entries/'.length))
      const found = this.entries.find((entry) => entry.key === key)
      return found === undefined ? failed(404, 'There is no such entry.') : ok(found)
    }
    if (path === '/cache/invalidate') return ok(this.#invalidate(body as Record<string, unknown>))
    return failed(404, 'There is nothing here.')
  }

  async #statistics(query: URLSearchParams, administrates: boolean): Promise<object> {
    this.#underWay += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay)
    await this.held
    this.#underWay -= 1
    const scope = query.get('scope') === 'fleet' ? 'fleet' : 'process'
    const said = statistics({ nowMs: Date.now(), scope, extra: this.extra, administrates })
    return this.#options.alter?.(said) ?? said
  }

  #invalidate(said: Readonly<Record<string, unknown>>): object {
    const going = this.entries.filter(
      ({ key, tags, model, kind }) =>
        said['all'] === true ||
        said['key'] === key ||
        said['model'] === model ||
        said['kind'] === kind ||
        tags.some((tag) => tag === said['tag']) ||
        (typeof said['prefix'] === 'string' && key.startsWith(said['prefix']))
    )
    const dryRun = said['dryRun'] === true
    if (!dryRun) this.entries = this.entries.filter((entry) => !going.includes(entry))
    return { count: going.length, dryRun }
  }

  #file(path: string, response: ServerResponse): void {
    const file = join(this.#options.files, normalize(`/${path === '' ? 'index.html' : path}`))
    const type = types[extname(file)]
    if (type === undefined || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
      response.writeHead(404).end()
      return
    }
    const headers = { 'content-type': type, 'content-security-policy': policy, 'x-content-type-options': 'nosniff' }
    response.writeHead(200, headers).end(readFileSync(file))
  }
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: unknown
  readonly token: string | undefined
}

interface Said {
  readonly status: number
  readonly json: object
}

function ok(json: object): Said {
  return { status: 200, json }
}

function failed(status: number, message: string): Said {
  return { status, json: { error: { message, code: 'mock' } } }
}

function tokenOf(request: IncomingMessage): string | undefined {
  const said = request.headers['x-reprise-admin-token']
  return typeof said === 'string' ? said : undefined
}

function fits(entry: Entry, query: URLSearchParams): boolean {
  const { text: sought, tag, kind, model } = Object.fromEntries(query)
  return (
    (!sought || `${entry.text} ${entry.answer}`.toLowerCase().includes(sought.toLowerCase())) &&
    (!tag || entry.tags.includes(tag)) &&
    (!kind || entry.kind === kind) &&
    (!model || entry.model === model)
  )
}

/** A list shows how answers begin. */
function beginning({ body: _, ...entry }: WholeEntry): Entry {
  return { ...entry, answer: entry.answer?.slice(0, 200) ?? null }
}
