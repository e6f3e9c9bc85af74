import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf, RepriseError } from '../../src/core/errors.ts'
import type { AdminGuard } from '../../src/gateway/admin.ts'
import { Administration, type AdminRoute } from '../../src/gateway/administration.ts'

export interface AdminStand {
  readonly url: string
  ask(method: string, path: string, body?: string, headers?: Record<string, string>): Promise<AdminReply>
  close(): Promise<void>
}

export interface AdminReply {
  readonly status: number
  readonly body: unknown
}

/** A server that answers by routes alone, and says of an error its code, field and message. */
export async function adminStand(routes: readonly AdminRoute[], guard: AdminGuard = () => {}): Promise<AdminStand> {
  const administration = new Administration(routes, { guard, maxBodyBytes: 100_000 })
  const server = createServer((request, response) => {
    const fail = (error: unknown): void => {
      const { status, code, field } = error instanceof RepriseError ? error : new RepriseError('internal', '')
      response.writeHead(status)
      response.end(JSON.stringify({ code, field, message: messageOf(error) }))
    }
    try {
      administration.handle(request, response, fail)
    } catch (error) {
      fail(error)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    async ask(method, path, body, headers = {}) {
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    async close() {
      server.close()
      await once(server, 'close')
    }
  }
}
