import { connect, type Socket } from 'node:net'

/** What one run of the load generator is to do. */
export interface Load {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** How many different requests there are; 0: each is new. */
  readonly keys: number
}

export interface LoadResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requests: number
  /** Responses that were no 200, and how many said that the cache had the answer. */
  readonly failed: number
  readonly hits: number
}

/** A chat completion of about 2 KB. */
function requestOf(key: number): Buffer {
  const filler = 'The quick brown fox jumps over the lazy dog, and the cache remembers it. '.repeat(25)
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    temperature: 0,
    messages: [
      { role: 'system', content: 'You answer in one paragraph.' },
      { role: 'user', content: `Question ${key}: ${filler}` }
    ]
  })
  return Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk-bench\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/** A closed loop over raw sockets: each connection sends its next request when its last one has been answered. */
export async function runLoad({ port, connections, seconds, keys }: Load): Promise<LoadResult> {
  const prepared = Array.from({ length: keys }, (_, key) => requestOf(key))
  const took: number[] = []
  let next = 0
  let failed = 0
  let hits = 0
  // New requests must be new in the next run too.
  const first = Date.now() * 1000
  const started = performance.now()
  const endAt = started + seconds * 1000

  function nextRequest(): Buffer {
    next += 1
    return prepared[next % keys] ?? requestOf(first + next)
  }

  function drive(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket: Socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      let sentAt = 0
      let pending: Buffer | undefined
      function send(): void {
        if (performance.now() >= endAt) {
          socket.end()
          resolve()
          return
        }
        const bytes = nextRequest()
        sentAt = performance.now()
        socket.write(bytes)
      }
      socket.on('connect', send)
      socket.on('error', reject)
      socket.on('data', (chunk: Buffer) => {
        pending = pending === undefined ? chunk : Buffer.concat([pending, chunk])
        const end = pending.indexOf('\r\n\r\n')
        if (end === -1) return
        const head = pending.toString('latin1', 0, end).toLowerCase()
        const at = head.indexOf('content-length: ')
        const length = Number.parseInt(head.slice(at + 16), 10)
        if (pending.length < end + 4 + length) return
        pending = undefined
        took.push(performance.now() - sentAt)
        if (!head.startsWith('http/1.1 200')) failed += 1
        if (head.includes('reprise; hit')) hits += 1
        send()
      })
    })
  }

  await Promise.all(Array.from({ length: connections }, drive))
  const elapsed = (performance.now() - started) / 1000
  took.sort((a, b) => a - b)
  return {
    perSecond: took.length / elapsed,
    p50Ms: took[Math.floor(took.length * 0.5)] ?? Number.NaN,
    p99Ms: took[Math.floor(took.length * 0.99)] ?? Number.NaN,
    requests: took.length,
    failed,
    hits
  }
}

// As a process of its own: a Load per message, a LoadResult back.
process.on('message', (load: Load) => {
  runLoad(load).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
