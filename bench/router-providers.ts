import { createServer } from 'node:net'
import { type Call, type Delay, type SimulatedProvider, simulatedProvider } from '../src/testing/simulated-provider.ts'
import { seeded } from '../test/support/unit-vectors.ts'

/** How a provider is: `up`, nobody listens at its port, or with each request that comes. */
export type Mode = 'up' | 'refuses' | 'hangs' | 'says 429' | 'says 500' | 'malformed' | 'dies in mid-stream'

/** The simulated providers of one process. */
export interface Staff {
  readonly names: readonly string[]
  readonly delay?: Delay
  /** Which share of its requests a provider answers with 500 even when it is up, by its name. */
  readonly failing?: Readonly<Record<string, number>>
}

/** From when on a provider is in that mode; times are milliseconds since 1970. */
export interface Change {
  readonly provider: string
  readonly mode: Mode
  readonly atMs: number
}

/** One request that a provider has received. */
export interface Received {
  readonly provider: string
  /** What the caller's `x-bench-id` said. */
  readonly id: string
  readonly atMs: number
  readonly outcome: Call['outcome']
  /** The tokens that its answer says it has taken. */
  readonly input: number
  readonly output: number
}

/** What the process is told, each answered by a message. */
export type Order =
  | { readonly do: 'open'; readonly staff: Staff }
  | { readonly do: 'be'; readonly provider: string; readonly mode: Mode }
  /** Answered when the last change has been made, with when each really was. */
  | { readonly do: 'change'; readonly changes: readonly Change[] }
  /** Gives what was received, and forgets it. */
  | { readonly do: 'tell' }

/** How long an answer may be, and what is to be said of the prompt, as the prompt itself says. */
export function prompt(number: number, { input, output }: { readonly input: number; readonly output: number }): string {
  const beginning = `Question ${number} (${input} tokens, answer in ${output} tokens):`
  return `${beginning}${' what'.repeat(Math.max(0, input - 20))} is it?`
}

const lengths = /^Question (\d+) \((\d+) tokens, answer in (\d+) tokens\)/

class Post {
  readonly name: string
  readonly #staff: Staff
  readonly #random: () => number
  /** Those before have been closed, and their calls are still to be told of. */
  readonly #shifts: SimulatedProvider[] = []
  #mode: Mode = 'refuses'
  #port = 0

  constructor(name: string, staff: Staff) {
    this.name = name
    this.#staff = staff
    this.#random = seeded(name.length)
  }

  async be(mode: Mode): Promise<number> {
    if (mode === 'refuses') {
      if (this.#mode !== 'refuses') await this.#now?.close()
    } else {
      if (this.#mode === 'refuses') await this.#open()
      this.#now?.fail({ every: faults[mode] })
    }
    this.#mode = mode
    return this.#port
  }

  tell(): Received[] {
    const received = this.#shifts.flatMap(({ calls }) => calls.map((call) => this.#received(call)))
    const gone = this.#shifts.splice(0, this.#shifts.length - 1)
    for (const { reset } of [...gone, ...this.#shifts]) reset()
    if (this.#mode !== 'refuses' && this.#mode !== 'up') this.#now?.fail({ every: faults[this.#mode] })
    return received
  }

  get #now(): SimulatedProvider | undefined {
    return this.#shifts.at(-1)
  }

  async #open(): Promise<void> {
    if (this.#port === 0) this.#port = await portBelow()
    const { delay, failing = {} } = this.#staff
    const share = failing[this.name] ?? 0
    this.#shifts.push(
      await simulatedProvider({
        port: this.#port,
        chunkTokens: 20,
        ...(delay === undefined ? {} : { delay }),
        answer: ({ lastUserText }) => {
          if (this.#random() < share) throw new Error('one of the failures that just happen')
          const [, number = '', input, output] = lengths.exec(lastUserText) ?? []
          const usage = { input: Number(input), output: Number(output) }
          return { text: `${number}${' so'.repeat(Math.max(0, usage.output - 1))}`, usage }
        }
      })
    )
  }

  #received({ body, headers, startedAtMs, outcome }: Call): Received {
    const [, , input, output] = lengths.exec(JSON.stringify(body?.['messages']).replace(/^.*?(?=Question )/, '')) ?? []
    const id = String(headers['x-bench-id'] ?? '')
    return { provider: this.name, id, atMs: startedAtMs, outcome, input: Number(input), output: Number(output) }
  }
}

const faults = {
  up: 'none',
  hangs: 'hang',
  'says 429': { status: 429, headers: { 'retry-after': '1' } },
  'says 500': { status: 500 },
  malformed: 'malformed',
  'dies in mid-stream': 'cut'
} as const

/** A free port that the system gives to nobody who asks for any: it must be there again when a provider comes back. */
async function portBelow(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

const posts = new Map<string, Post>()

async function obey(order: Order): Promise<unknown> {
  if (order.do === 'open') {
    const ports: Record<string, number> = {}
    for (const name of order.staff.names) {
      const post = new Post(name, order.staff)
      posts.set(name, post)
      ports[name] = await post.be('up')
    }
    return ports
  }
  if (order.do === 'be') return posts.get(order.provider)?.be(order.mode)
  if (order.do === 'change') return changeAll(order.changes)
  return [...posts.values()].flatMap((post) => post.tell())
}

/** `atMs` of what is told: from when on a provider that answers certainly did, until when one that fails perhaps still did. */
function changeAll(changes: readonly Change[]): Promise<readonly Change[]> {
  return Promise.all(
    changes.map(async ({ provider, mode, atMs }) => {
      await new Promise((resolve) => setTimeout(resolve, atMs - Date.now()))
      const startedAtMs = Date.now()
      await posts.get(provider)?.be(mode)
      return { provider, mode, atMs: mode === 'up' ? Date.now() : startedAtMs }
    })
  )
}

process.on('message', ({ number, order }: { number: number; order: Order }) => {
  obey(order).then(
    (result) => process.send?.({ number, result }),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
