import { randomUUID } from 'node:crypto'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisCommand } from '../../src/core/redis-command.ts'
import { vectorIndexContract } from '../../src/testing/vector-index-contract.ts'
import { type RedisVectorsOptions, redisVectors } from '../../src/vectors/redis.ts'
import type { Match, VectorIndex } from '../../src/vectors/vector-index.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { findRedis8, hasVectorSets } from '../support/redis8-server.ts'
import { cosine, near, randomUnit, seeded, unit } from '../support/unit-vectors.ts'

const hourMs = 3_600_000
const east = unit([1, 0])
const north = unit([0, 1])
const binary = await findRedis8()
const plain = process.env['REPRISE_REDIS_SERVER'] ?? 'redis-server'

interface Connection {
  readonly command: RedisCommand
  close(): void
}

/** A connection such as an application may have: in either protocol, with texts as texts or as bytes. */
async function connected(port: number, RESP: 2 | 3 = 3, asBytes = true): Promise<Connection> {
  const client = createClient({
    RESP,
    socket: { host: '127.0.0.1', port },
    commandOptions: { typeMapping: asBytes ? { 36: Buffer } : {} }
  })
  client.on('error', () => {})
  await client.connect()
  return {
    command: (args) => client.sendCommand(args.map((part) => (typeof part === 'string' ? part : Buffer.from(part)))),
    close: () => client.destroy()
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const untilMs = Date.now() + 15_000; Date.now() < untilMs; ) if (await isSo()) return
  throw new Error('it has not come to that within 15 seconds')
}

function keysOf(matches: readonly Match[]): string[] {
  return matches.map(({ key }) => key)
}

describe.skipIf(binary === undefined)('the redis index', () => {
  let server: RedisServer
  let connection: Connection
  let command: RedisCommand
  let prefix: string
  let opened: VectorIndex[] = []

  beforeAll(async () => {
    server = await startRedisServer({ binary: binary ?? '' })
    connection = await connected(server.port)
    command = connection.command
  })

  afterAll(async () => {
    connection.close()
    await server.stop()
  })

  /** An index whose keys nobody else has, unless they are given. */
  function open(options: Partial<RedisVectorsOptions> = {}): VectorIndex {
    prefix = options.prefix ?? `${randomUUID()}:`
    const index = redisVectors({ command, prefix, ...options })
    opened.push(index)
    return index
  }

  afterAll(async () => {
    for (const index of opened) await index.close()
    opened = []
  })

  /** The keys of an index in the server, its prefix taken off. */
  async function keys(): Promise<string[]> {
    const found = (await command(['KEYS', `${prefix}*`])) as Buffer[]
    return found.map((key) => key.toString().slice(prefix.length)).sort()
  }

  /** How many vectors are in an index of one partition, and how many expiries. */
  async function sizes(): Promise<unknown[]> {
    const [set = '', expiries = ''] = await keys()
    return [await command(['VCARD', prefix + set]), await command(['ZCARD', prefix + expiries])]
  }

  const soon = (): number => Date.now() + hourMs

  describe.each(['none', 'int8'] as const)('keeps the contract, quantisation %s:', (quantisation) => {
    for (const { name, run } of vectorIndexContract(() => redisVectors({ command, prefix: 'contract:', quantisation })))
      it(name, run)
  })

  describe('over each connection', () => {
    it.each([
      [2, true],
      [2, false],
      [3, true],
      [3, false]
    ] as const)('finds what was added, in the order of similarity (RESP%d, as bytes: %s)', async (resp, asBytes) => {
      const other = await connected(server.port, resp, asBytes)
      const index = open({ command: other.command })
      await index.add('p', '3', unit([3, 1]), soon())
      await index.add('p', '12', east, soon())
      await index.add('p', '1', unit([1, 1]), soon())
      await index.add('p', 'far', unit([-1, 0]), soon())
      const found = await index.nearest('p', east, 0.5, 10)
      expect(keysOf(found)).toEqual(['12', '3', '1'])
      found.forEach(({ similarity }, at) => {
        expect(similarity).toBeCloseTo([1, 3 / Math.sqrt(10), Math.SQRT1_2][at] ?? 0, 6)
      })
      expect(keysOf(await index.nearest('p', east, 0.5, 2))).toEqual(['12', '3'])
      expect(keysOf(await index.nearest('p', east, -1, 10))).toEqual(['12', '3', '1', 'far'])
      await index.remove('p', ['12', 'nobody'])
      expect(keysOf(await index.nearest('p', east, 0.5, 2))).toEqual(['3', '1'])
      other.close()
    })
  })

  it('counts a similarity that is the least wanted one', async () => {
    const index = open()
    const random = seeded(1)
    for (let round = 0; round < 50; round++) {
      const vector = randomUnit(random, 384)
      await index.add(`p${round}`, 'same', vector, soon())
      const [match] = await index.nearest(`p${round}`, vector, 1, 1)
      expect(match).toEqual({ key: 'same', similarity: 1 })
    }
  })

  it('keeps similarity exact, as cosines are', async () => {
    const index = open()
    const random = seeded(2)
    const source = randomUnit(random, 256)
    for (const wanted of [-1, -0.5, 0, 0.3, 0.8, 0.9, 0.95, 0.99, 0.999]) {
      const vector = near(source, wanted, random)
      await index.add(`p${wanted}`, 'key', vector, soon())
      const [match] = await index.nearest(`p${wanted}`, source, -1, 1)
      expect(Math.abs((match?.similarity ?? 9) - cosine(source, vector))).toBeLessThan(2e-6)
    }
  })

  it('is off by little with one byte a number, at half the memory', async () => {
    const random = seeded(3)
    const source = randomUnit(random, 384)
    const vectors = Array.from({ length: 200 }, (_, at) => near(source, at / 200, random))
    const bytes: number[] = []
    for (const quantisation of ['none', 'int8'] as const) {
      const index = open({ quantisation })
      for (const [at, vector] of vectors.entries()) await index.add('p', `${at}`, vector, soon())
      const found = await index.nearest('p', source, -1, 1000)
      expect(found).toHaveLength(200)
      const errors = found.map(({ key, similarity }) =>
        Math.abs(similarity - cosine(source, vectors[Number(key)] ?? east))
      )
      expect(Math.max(...errors)).toBeLessThan(quantisation === 'int8' ? 4e-3 : 2e-6)
      const [set = ''] = await keys()
      bytes.push(Number(await command(['MEMORY', 'USAGE', prefix + set])))
    }
    expect((bytes[1] ?? 0) / (bytes[0] ?? 0)).toBeLessThan(0.65)
  })

  it('replaces the vector and the expiry of a key', async () => {
    let nowMs = hourMs
    const index = open({ now: () => nowMs })
    await index.add('p', 'key', east, 2 * hourMs)
    await index.add('p', 'key', north, 9 * hourMs)
    expect(await index.nearest('p', east, 0.5, 5)).toEqual([])
    nowMs = 3 * hourMs
    expect(keysOf(await index.nearest('p', north, 0.5, 5))).toEqual(['key'])
    expect(await sizes()).toEqual([1, 1])
    await index.add('p', 'key', north, 4 * hourMs)
    nowMs = 4 * hourMs
    expect(await index.nearest('p', north, 0.5, 5)).toEqual([])
  })

  it('takes a key out that is added when it has expired', async () => {
    const index = open({ now: () => 5000 })
    await index.add('p', 'key', east, 6000)
    await index.add('p', 'key', east, 5000)
    expect(await keys()).toEqual([])
    await index.add('p', 'key', east, Number.NaN)
    expect(await keys()).toEqual([])
  })

  it('keeps what never expires', async () => {
    const index = open()
    await index.add('p', 'key', east, Infinity)
    await index.add('p', 'other', east, 1e300)
    expect(await index.nearest('p', east, 0.9, 5)).toHaveLength(2)
  })

  it('keeps partitions apart', async () => {
    const index = open()
    await index.add('one', 'key', east, soon())
    await index.add('two', 'other', east, soon())
    await index.add('three', 'longer', unit([1, 0, 0]), soon())
    expect(keysOf(await index.nearest('one', east, 0.5, 5))).toEqual(['key'])
    await index.remove('two', ['key'])
    expect(keysOf(await index.nearest('one', east, 0.5, 5))).toEqual(['key'])
    expect(await index.nearest('four', east, -1, 5)).toEqual([])
  })

  it('refuses a vector of another length, and keeps what it has', async () => {
    const index = open()
    await index.add('p', 'key', east, soon())
    const longer = unit([1, 0, 0])
    const refusal = { code: 'invalid-option', message: expect.stringContaining('expected 2 numbers') }
    await expect(index.add('p', 'key', longer, soon())).rejects.toMatchObject(refusal)
    await expect(index.nearest('p', longer, 0.5, 1)).rejects.toMatchObject(refusal)
    expect(keysOf(await index.nearest('p', east, 0.5, 5))).toEqual(['key'])
    expect(await sizes()).toEqual([1, 1])
    await index.remove('p', ['key'])
    await index.add('p', 'key', longer, soon())
    expect(keysOf(await index.nearest('p', longer, 0.5, 5))).toEqual(['key'])
  })

  it('takes any key', async () => {
    const index = open()
    const odd = ['', '0', '7', '10', '__proto__', 'toString', 'a b\r\n"\\', '\u{1f980}é', '{x}', 'k', 'x'.repeat(1024)]
    for (const key of odd) await index.add(`any ${odd.length}\n{}`, key, east, soon())
    expect(keysOf(await index.nearest(`any ${odd.length}\n{}`, east, 0.9, 50)).sort()).toEqual([...odd].sort())
    await index.remove(`any ${odd.length}\n{}`, odd)
    expect(await keys()).toEqual([])
  })

  it('shows another index at once what was added and removed', async () => {
    const one = open()
    const other = open({ prefix })
    for (let round = 0; round < 100; round++) {
      await one.add('p', `${round}`, east, soon())
      expect(await other.nearest('p', east, 0.9, 500)).toHaveLength(1)
      await other.remove('p', [`${round}`])
      expect(await one.nearest('p', east, 0.9, 500)).toEqual([])
    }
  })

  it('holds what it should through churn in small partitions', async () => {
    const index = open()
    const random = seeded(4)
    const held = new Map<string, Map<string, Float32Array>>()
    for (let round = 0; round < 3000; round++) {
      const partition = `p${Math.floor(random() * 4)}`
      const vectors = held.get(partition) ?? new Map<string, Float32Array>()
      held.set(partition, vectors)
      const key = `${Math.floor(random() * 12)}`
      if (random() < 0.5) {
        const vector = randomUnit(random, 8)
        vectors.set(key, vector)
        await index.add(partition, key, vector, soon())
      } else {
        vectors.delete(key)
        await index.remove(partition, [key])
      }
      if (round % 10 === 0) {
        const query = randomUnit(random, 8)
        const expected = [...vectors].sort(([, a], [, b]) => cosine(query, b) - cosine(query, a)).map(([name]) => name)
        expect(keysOf(await index.nearest(partition, query, -1, 50))).toEqual(expected)
      }
    }
  })

  it('finds the nearest of two thousand, also when they are added at once', async () => {
    const index = open()
    const random = seeded(5)
    const vectors = Array.from({ length: 2000 }, () => randomUnit(random, 96))
    await Promise.all(vectors.map((vector, at) => index.add('p', `${at}`, vector, soon())))
    expect(await sizes()).toEqual([2000, 2000])
    let found = 0
    for (let at = 0; at < 2000; at += 10) {
      const query = near(vectors[at] ?? east, 0.9, random)
      const [match] = await index.nearest('p', query, 0.8, 3)
      if (match?.key === `${at}`) found += 1
    }
    expect(found).toBeGreaterThanOrEqual(198)
    const [set = ''] = await keys()
    expect(Number(await command(['PTTL', prefix + set]))).toBeGreaterThan(0)
  })

  describe('of what has expired', () => {
    it('gives nothing, and takes it out when it meets it', async () => {
      let nowMs = 0
      const index = open({ now: () => nowMs })
      await index.add('p', 'short', east, hourMs)
      await index.add('p', 'long', unit([5, 1]), 2 * hourMs)
      expect(keysOf(await index.nearest('p', east, 0.9, 1))).toEqual(['short'])
      nowMs = hourMs
      expect(keysOf(await index.nearest('p', east, 0.9, 1))).toEqual(['long'])
      await until(async () => String(await sizes()) === '1,1')
    })

    it('lets nothing stand before what lives, however much there is', async () => {
      let nowMs = 0
      const index = open({ now: () => nowMs })
      const random = seeded(6)
      const query = randomUnit(random, 32)
      for (let at = 0; at < 300; at++) await index.add('p', `dead ${at}`, near(query, 0.99, random), hourMs)
      await index.add('p', 'alive', near(query, 0.9, random), 3 * hourMs)
      nowMs = 2 * hourMs
      expect(keysOf(await index.nearest('p', query, 0.5, 3))).toEqual(['alive'])
    })

    it('sweeps everything, partition by partition, with nobody asking', async () => {
      let nowMs = 0
      const index = open({ now: () => nowMs, sweepEveryMs: 5 })
      for (let at = 0; at < 90; at++)
        await index.add(`p${at % 3}`, `${at}`, near(east, at / 90, seeded(at)), hourMs + at)
      await index.add('p1', 'stays', east, 9 * hourMs)
      expect(await keys()).toHaveLength(6)
      nowMs = hourMs + 50
      await until(async () => {
        const counts = await Promise.all(
          (await keys()).map((key) => command([key.endsWith('expiries') ? 'ZCARD' : 'VCARD', prefix + key]))
        )
        return counts.map(String).sort().join() === '13,13,13,13,14,14'
      })
      nowMs = 2 * hourMs
      await until(async () => (await keys()).length === 2)
      expect(keysOf(await index.nearest('p1', east, 0.9, 5))).toEqual(['stays'])
    })

    it('sweeps at most twenty at a time', async () => {
      let nowMs = 0
      const writer = open({ now: () => nowMs })
      for (let at = 0; at < 50; at++) await writer.add('p', `${at}`, near(east, 0.9, seeded(at)), hourMs)
      nowMs = hourMs
      const gone: number[] = []
      const watched: RedisCommand = async (args) => {
        const reply = await command(args)
        if (args[0] === 'EVALSHA' && Array.isArray(reply)) gone.push(Number(reply[0]))
        return reply
      }
      const reader = open({ prefix, command: watched, now: () => nowMs, sweepEveryMs: 5 })
      expect(await reader.nearest('p', east, 0.5, 1)).toEqual([])
      await until(async () => (await keys()).length === 0)
      await reader.close()
      expect(gone[0]).toBe(20)
      expect(Math.max(...gone)).toBe(20)
      expect(gone.reduce((sum, count) => sum + count)).toBe(50)
    })

    it('leaves what was replaced in the meantime', async () => {
      let nowMs = 0
      const index = open({ now: () => nowMs, sweepEveryMs: 1 })
      for (let round = 0; round < 200; round++) {
        await index.add('p', 'key', east, nowMs + hourMs)
        nowMs += 2 * hourMs
        const [, , found] = await Promise.all([
          index.nearest('p', east, 0.9, 1),
          index.add('p', 'key', east, nowMs + hourMs),
          index.nearest('p', east, 0.9, 1)
        ])
        expect(keysOf(found)).toEqual(['key'])
      }
    })

    it('lets the server forget a partition that nobody comes back to, with its last vector', async () => {
      const index = open({ sweepEveryMs: hourMs })
      const longest = Date.now() + 400
      await index.add('p', 'last', east, longest)
      await index.add('p', 'first', north, Date.now() + 50)
      await until(async () => (await keys()).length === 0)
      expect(Date.now()).toBeGreaterThanOrEqual(longest - 5)
    })
  })

  describe('of a set that has vanished', () => {
    it('says that it is empty, and begins it anew', async () => {
      const index = open()
      await index.add('p', 'key', east, soon())
      const [set = ''] = await keys()
      await command(['DEL', prefix + set])
      expect(await index.nearest('p', east, -1, 5)).toEqual([])
      await index.remove('p', ['key'])
      await index.add('p', 'other', unit([1, 2, 3]), soon())
      expect(keysOf(await index.nearest('p', unit([1, 2, 3]), 0.9, 5))).toEqual(['other'])
    })

    it('gives nothing whose expiry it does not know, and takes it out', async () => {
      const index = open()
      for (let at = 0; at < 30; at++) await index.add('p', `${at}`, near(east, 0.99, seeded(at)), soon())
      const [set = '', expiries = ''] = await keys()
      await command(['DEL', prefix + expiries])
      await until(async () => {
        expect(await index.nearest('p', east, 0.9, 5)).toEqual([])
        return Number(await command(['EXISTS', prefix + set])) === 0
      })
      await index.add('p', 'new', east, soon())
      expect(keysOf(await index.nearest('p', east, 0.9, 5))).toEqual(['new'])
    })

    it('goes on when the server has started again, empty', async () => {
      const own = await startRedisServer({ binary: binary ?? '' })
      const first = await connected(own.port)
      let second: Connection | undefined
      const index = open({ command: (args) => (second ?? first).command(args) })
      await index.add('p', 'key', east, soon())
      await own.restart()
      first.close()
      await expect(index.nearest('p', east, 0.9, 1)).rejects.toThrow()
      second = await connected(own.port)
      expect(await index.nearest('p', east, 0.9, 1)).toEqual([])
      await index.add('p', 'key', east, soon())
      expect(keysOf(await index.nearest('p', east, 0.9, 1))).toEqual(['key'])
      await index.close()
      second.close()
      await own.stop()
    })
  })

  it('still answers and removes on a server that is full', async () => {
    const own = await startRedisServer({ binary: binary ?? '' })
    const full = await connected(own.port)
    const index = open({ command: full.command })
    await index.add('p', 'key', east, soon())
    await own.ask('CONFIG SET maxmemory-policy noeviction', 'CONFIG SET maxmemory 1')
    await expect(index.add('p', 'other', north, soon())).rejects.toThrow('OOM')
    expect(keysOf(await index.nearest('p', east, -1, 5))).toEqual(['key'])
    await index.remove('p', ['key'])
    expect(await index.nearest('p', east, -1, 5)).toEqual([])
    await index.close()
    full.close()
    await own.stop()
  })

  it('is there again when the server has read its file', async () => {
    const own = await startRedisServer({
      binary: binary ?? '',
      args: ['--appendonly', 'yes', '--enable-debug-command', 'yes']
    })
    const kept = await connected(own.port)
    const index = open({ command: kept.command })
    const random = seeded(7)
    const vectors = Array.from({ length: 1100 }, () => randomUnit(random, 8))
    for (const [at, vector] of vectors.entries()) await index.add('p', `${at}`, vector, soon())
    await index.remove('p', ['1'])
    const query = vectors[7] ?? east
    await index.add('p', '2', near(query, 0.99, random), soon())
    await index.add('lonely', 'key', east, soon())
    await index.add('lonely', 'key', north, soon())
    const before = await index.nearest('p', query, 0, 10)
    expect(before).toHaveLength(10)
    expect(keysOf(before.slice(0, 2))).toEqual(['7', '2'])
    for (const how of ['LOADAOF', 'RELOAD']) {
      await kept.command(['DEBUG', how])
      expect(await index.nearest('p', query, 0, 10)).toEqual(before)
      expect(await index.nearest('lonely', north, 0.5, 10)).toEqual([{ key: 'key', similarity: 1 }])
    }
    await index.close()
    kept.close()
    await own.stop()
  })

  it('keeps to one slot, whatever its prefix has in braces', async () => {
    const own = await startRedisServer({ binary: binary ?? '', args: ['--cluster-enabled', 'yes'] })
    await own.ask('CLUSTER ADDSLOTSRANGE 0 16383')
    await until(async () => (await own.ask('CLUSTER INFO')).includes('cluster_state:ok'))
    const single = await connected(own.port)
    for (const name of ['a:', '{a}:', 'a{b:', '}a{:']) {
      const index = open({ command: single.command, prefix: name })
      await index.add('p', 'key', east, soon())
      expect(keysOf(await index.nearest('p', east, 0.9, 1))).toEqual(['key'])
      await index.remove('p', ['key'])
      await index.close()
    }
    single.close()
    await own.stop()
  })

  it('works for a user who may do no more than it has to', async () => {
    await server.ask(
      'ACL SETUSER small on >pass resetkeys ~mine:* -@all +evalsha +eval +vadd +vsim +vrem +vcard +vdim +zadd +zscore +zmscore +zrange +zrem +pttl +pexpire'
    )
    const client = createClient({ RESP: 3, socket: { host: '127.0.0.1', port: server.port }, disableClientInfo: true })
    client.on('error', () => {})
    await client.connect()
    await client.sendCommand(['AUTH', 'small', 'pass'])
    await expect(client.sendCommand(['GET', 'mine:x'])).rejects.toThrow('NOPERM')
    let nowMs = 0
    const index = open({
      command: (args) => client.sendCommand(args.map((part) => (typeof part === 'string' ? part : Buffer.from(part)))),
      prefix: 'mine:',
      now: () => nowMs
    })
    for (let at = 0; at < 1002; at++) await index.add('p', `${at}`, unit([1, at]), hourMs + at)
    nowMs = hourMs
    expect(await index.nearest('p', east, 0.999, 1)).toEqual([])
    await index.remove('p', ['1'])
    await index.close()
    client.destroy()
  })
})

describe('on a server without vector sets', () => {
  it('the redis index says what to do', async (context) => {
    if (await hasVectorSets(plain)) return context.skip(`${plain} has vector sets`)
    const server = await startRedisServer()
    const { command, close } = await connected(server.port)
    const index = redisVectors({ command, prefix: 'a:' })
    const refusal = { code: 'invalid-option', message: expect.stringContaining('Redis 8') }
    await expect(index.nearest('p', east, 0.9, 1)).rejects.toMatchObject(refusal)
    await expect(index.add('p', 'key', east, Date.now() + hourMs)).rejects.toMatchObject(refusal)
    await expect(index.remove('p', ['key'])).rejects.toMatchObject(refusal)
    await index.close()
    close()
    await server.stop()
  })
})
