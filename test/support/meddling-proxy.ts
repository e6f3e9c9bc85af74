import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that can be told to answer with noise instead of what the server says. */
export interface MeddlingProxy {
  readonly port: number
  meddle(noise: 'none' | 'random' | 'http' | 'wrong-type'): void
  close(): Promise<void>
}

const noises = {
  none: undefined,
  random: () => randomBytes(64),
  // What a client hears that has been given the address of some other service.
  http: () => Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  // The protocol spoken well, and nothing that was asked.
  'wrong-type': () => Buffer.from('*2\r\n:1\r\n:2\r\n')
}

/** Starts a proxy before the server at `port`. */
export async function meddlingProxy(port: number): Promise<MeddlingProxy> {
  let noise: (() => Buffer) | undefined
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (noise === undefined) upstream.write(bytes)
      else client.write(noise())
    })
    upstream.on('data', (bytes) => client.write(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    meddle(name) {
      noise = noises[name]
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}
