import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Event } from '../../src/core/events.ts'
import { switchNames } from '../../src/core/switch-names.ts'
import { Switches } from '../../src/layers/switches.ts'
import { Entries } from '../../src/stores/entries.ts'
import { openStore } from '../../src/stores/open.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

interface Worker {
  tell(line: string): void
  /** Resolves when it prints the line, or has printed it since it was last waited for. */
  says(line: string): Promise<void>
  close(): Promise<void>
}

const workers: ChildProcess[] = []

function start(store: string): Worker {
  const script = join(import.meta.dirname, '../support/switches-worker.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, store], { stdio: ['pipe', 'pipe', 'inherit'] })
  workers.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    tell: (line) => void child.stdin.write(`${line}\n`),
    async says(wanted) {
      const heard: string[] = []
      for (;;) {
        const { value, done } = await lines.next()
        if (done === true) throw new Error(`it ended without '${wanted}', after: ${heard.join('; ')}`)
        if (value === wanted) return
        heard.push(value)
        if (value.startsWith('failed')) throw new Error(value)
      }
    },
    async close() {
      const exited = once(child, 'exit')
      child.stdin.end('close\n')
      expect(await exited).toEqual([0, null])
    }
  }
}

describe.each(['embedded', 'redis'] as const)('processes that share the switches of a store: %s', (kind) => {
  let home: TemporaryFolder
  let redis: RedisServer | undefined
  let count = 0

  beforeAll(async () => {
    home = temporaryFolder()
    redis = kind === 'redis' ? await startRedisServer() : undefined
  })
  afterEach(() => {
    for (const child of workers.splice(0)) child.kill('SIGKILL')
  })
  afterAll(async () => {
    await redis?.stop()
    home.remove()
  })

  /** A store that nobody has used. */
  function newStore(): string {
    count++
    return redis === undefined ? `embedded:${join(home.path, String(count))}` : `${redis.url}?prefix=${count}:`
  }

  it('follow one another, and stand as they stood when all have started anew', async () => {
    const store = newStore()
    const [one, two] = [start(store), start(store)]
    await Promise.all([one.says('started '), two.says('started ')])
    one.tell('set semantic off')
    await Promise.all([one.says('set'), two.says('switched semantic off')])
    two.tell('set llm off')
    await Promise.all([two.says('set'), one.says('switched llm off')])
    await Promise.all([one.close(), two.close()])

    const [three, four] = [start(store), start(store)]
    await Promise.all([three.says('started llm,semantic'), four.says('started llm,semantic')])
    three.tell('set llm on')
    await four.says('switched llm on')
    await Promise.all([three.close(), four.close()])
    const five = start(store)
    await five.says('started semantic')
    await five.close()
  })

  it('lose no switch when all are switched at once, by processes that end at once', async () => {
    const store = newStore()
    const all = [start(store), start(store), start(store)]
    await Promise.all(all.map((worker) => worker.says('started ')))
    for (const [at, name] of switchNames.entries()) all[at % 3]?.tell(`set ${name} off`)
    await Promise.all(all.map((worker) => worker.close()))
    const after = start(store)
    await after.says(`started ${switchNames.join(',')}`)
    await after.close()
  })

  it('do not switch on again what is off when entries are invalidated, or the record itself is lost', async () => {
    const spec = newStore()
    const worker = start(spec)
    await worker.says('started ')
    worker.tell('set exact off')
    await worker.says('set')
    const store = await openStore(spec)
    const entries = new Entries(store)
    // Also waits until the store is connected.
    const early = new Switches(store)
    await early.start()
    early.close()
    expect(early.isOn('exact')).toBe(false)
    await entries.invalidate({ all: true })
    expect(await store.get(':switches:default')).toBeDefined()
    // As if it had been evicted.
    await store.delete({ all: true })
    const late = new Switches(store)
    await expect.poll(() => store.get(':switches:default'), { interval: 20, timeout: 10_000 }).toBeDefined()
    await late.start()
    expect(late.isOn('exact')).toBe(false)
    late.close()
    await entries.close()
    await worker.close()
  })
})

describe('switches on a Redis server that goes and comes back', () => {
  it('stay as they were, refuse to be switched meanwhile, and are written again to a server that has lost all', async () => {
    const redis = await startRedisServer()
    const events: Event[] = []
    let listen = (): void => {}
    const store = await openStore(redis.url)
    const switches = new Switches(store, {
      observe: (event) => {
        events.push(event)
        listen()
      }
    })
    const told = async (type: Event['type']): Promise<void> => {
      while (!events.some((event) => event.type === type)) {
        await new Promise<void>((resolve) => {
          listen = resolve
        })
      }
    }
    await switches.start()
    await switches.set('exact', false)
    await redis.kill()
    await expect(switches.set('semantic', false)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining('Redis at 127.0.0.1')
    })
    await told('opened')
    expect([switches.isOn('exact'), switches.isOn('semantic')]).toEqual([false, true])
    await redis.restart()
    await told('closed')
    await expect.poll(() => redis.ask('GET reprise:e::switches:default'), { timeout: 10_000 }).toContain('"exact"')
    switches.close()
    await store.close()
    await redis.stop()
  })
})
