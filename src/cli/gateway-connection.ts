import { type Dispatcher, Pool } from 'undici'
import type { Headers } from '../core/headers.ts'

export interface GatewayAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Connections to one gateway, for many requests at a time. Answers may take as long as they take: the gateway has its own deadlines. */
export interface GatewayConnection {
  /** What the user names the gateway with. */
  readonly flag: string
  post(path: string, request: GatewayRequest): Promise<GatewayAnswer>
  /** The same with a body that is read as it comes. */
  stream(path: string, request: GatewayRequest): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

export interface GatewayRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  readonly signal: AbortSignal
}

/** @param url of the gateway, without /v1; it may lie below a path of its host */
export function gatewayConnection(url: string, connections: number, flag = '--url'): GatewayConnection {
  const { origin, pathname } = new URL(url)
  const base = pathname.replace(/\/+$/, '')
  const pool = new Pool(origin, { connections, headersTimeout: 0, bodyTimeout: 0 })

  function stream(path: string, { headers, body, signal }: GatewayRequest): Promise<Dispatcher.ResponseData> {
    const all = { 'content-type': 'application/json', ...headers }
    return pool.request({ path: base + path, method: 'POST', headers: all, body, signal })
  }

  return {
    flag,
    stream,
    async post(path, request) {
      const { statusCode, headers, body } = await stream(path, request)
      return { status: statusCode, headers: headers as Headers, text: await body.text() }
    },
    close: () => pool.destroy()
  }
}
