import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isObject, type Json, type JsonObject } from '../../src/core/json.ts'

/** What a caller has sent. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: Json | undefined
  readonly token: string | undefined
}

export interface AdminServer {
  readonly url: string
  /** In the order they came. */
  readonly asked: Asked[]
  /** How the next calls are answered instead, in their order. */
  readonly instead: { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }[]
  close(): Promise<void>
}

export interface AdminServerOptions {
  /** Default: none is wanted. */
  readonly token?: string
  readonly report?: JsonObject
  /** How many entries an invalidation finds. Default: 12 */
  readonly count?: number
}

/** Speaks the administrative paths of a gateway on a real socket, with made-up figures behind them. */
export async function adminServer({ token, report = {}, count = 12 }: AdminServerOptions = {}): Promise<AdminServer> {
  const asked: Asked[] = []
  const instead: AdminServer['instead'] = []
  const switches: Record<string, JsonObject> = {
    cache: { on: true, by: 'default' },
    exact: { on: true, by: 'default' },
    semantic: { on: true, by: 'default' }
  }
  const error = (status: number, code: string, message: string): [number, JsonObject] => [
    status,
    { error: { message, code } }
  ]

  function answer({ method, path, body, token: shown }: Asked): [number, JsonObject] {
    if (path.startsWith('/metrics/cache/statistics')) return [200, report]
    if (token !== undefined && shown !== token) return error(401, 'unauthorized', 'expected the admin token')
    if (method === 'POST' && path === '/cache/invalidate' && isObject(body)) {
      return [200, { count, dryRun: body['dryRun'] === true }]
    }
    const name = /^\/switches\/(.+)$/.exec(path)?.[1]
    if (method === 'PUT' && name !== undefined && isObject(body)) {
      if (!(name in switches)) return error(404, 'not-found', `no switch "${name}"`)
      switches[name] = { on: body['on'] === true, by: 'runtime' }
      return [200, { switches }]
    }
    return path === '/switches' ? [200, { switches }] : error(404, 'not-found', `no path ${path}`)
  }

  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { method = '', url: path = '', headers } = request
    const header = headers['x-reprise-admin-token']
    asked.push({
      method,
      path,
      body: text === '' ? undefined : (JSON.parse(text) as Json),
      token: typeof header === 'string' ? header : undefined
    })
    const other = instead.shift()
    const last = asked.at(-1)
    if (other !== undefined || last === undefined) {
      response.writeHead(other?.status ?? 500, other?.headers).end(other?.body)
      return
    }
    const [status, json] = answer(last)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    instead,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
