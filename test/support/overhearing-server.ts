import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A server that keeps every byte it is sent, and answers each request the same. */
export interface OverhearingServer {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** One text a request: its first line, its headers and its body, as they came. */
  readonly heard: readonly string[]
  /** The response to each request from now on, below its head. */
  answer(body: string, head?: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> }): void
  close(): Promise<void>
}

/** Starts one on a free port. It says `{}` until it is told otherwise. */
export async function overhearingServer(): Promise<OverhearingServer> {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  let response = ''
  const server = createServer((socket) => {
    let request = ''
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      request += chunk
      const body = request.indexOf('\r\n\r\n') + 4
      if (body === 3) return
      const length = Number(/^content-length: (\d+)/im.exec(request.slice(0, body))?.[1] ?? 0)
      if (request.length < body + length) return
      heard.push(request)
      request = ''
      socket.write(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const overhearing: OverhearingServer = {
    url: `http://127.0.0.1:${port}`,
    heard,
    answer(body, { status = 200, headers = {} } = {}) {
      const all = { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}`, ...headers }
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
      response = `HTTP/1.1 ${status} Said\r\n${lines.join('')}\r\n${body}`
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
  overhearing.answer('{}')
  return overhearing
}
