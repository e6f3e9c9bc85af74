import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RedisCommand } from '../core/redis-command.ts'
import { redisVectors } from './redis.ts'
import { numbersOf, scoredOf } from './redis-replies.ts'

describe('the reply to VSIM', () => {
  const arbitraryScored = fc.uniqueArray(
    fc.record({
      id: fc.string({ unit: 'grapheme' }).map((key) => `k${key}`),
      score: fc.double({ min: 0, max: 1, noNaN: true })
    }),
    { selector: ({ id }) => id }
  )

  it('is read in every shape in which clients give it', () => {
    fc.assert(
      fc.property(arbitraryScored, (scored) => {
        const shapes = [
          scored.flatMap(({ id, score }) => [Buffer.from(id), Buffer.from(String(score))]),
          scored.flatMap(({ id, score }) => [id, String(score)]),
          scored.flatMap(({ id, score }) => [id, score]),
          scored.map(({ id, score }) => [Buffer.from(id), score]),
          new Map(scored.map(({ id, score }) => [id, score])),
          Object.fromEntries(scored.map(({ id, score }) => [id, score]))
        ]
        for (const shape of shapes) expect(scoredOf(shape)).toEqual(scored)
      })
    )
  })

  it.each([null, 'OK', 3, ['k1'], ['k1', 'much'], ['k1', null], [3, 0.5]])('is refused when it is %j', (reply) => {
    expect(() => scoredOf(reply)).toThrow(expect.objectContaining({ code: 'store-unavailable' }))
  })
})

describe('the reply to ZMSCORE', () => {
  it('is read from either protocol', () => {
    expect(numbersOf([Buffer.from('12'), '1.5e3', null, 3], 4, 'ZMSCORE')).toEqual([12, 1500, undefined, 3])
  })

  it('is refused when a number is missing from it', () => {
    expect(() => numbersOf([1], 2, 'ZMSCORE')).toThrow('a list of 1')
  })
})

/** A server that says what it is told to, and notes what it was asked. */
function simulatedServer(answers: Readonly<Record<string, () => unknown>>): {
  command: RedisCommand
  asked: string[][]
} {
  const asked: string[][] = []
  return {
    asked,
    async command(args) {
      const texts = args.map((part) => (typeof part === 'string' ? part : `${part.length} bytes`))
      asked.push(texts)
      return answers[texts[0] ?? '']?.()
    }
  }
}

const vector = Float32Array.of(0.6, 0.8)

describe('an index on a server', () => {
  it('asks once whether there are vector sets, and again after a call that failed', async () => {
    let broken = false
    const { command, asked } = simulatedServer({
      COMMAND: () => [['vsim', -1]],
      VSIM: () => {
        if (broken) throw new Error('gone')
        return []
      }
    })
    const index = redisVectors({ command, prefix: 'a:' })
    await index.nearest('p', vector, 0.9, 1)
    await index.nearest('p', vector, 0.9, 1)
    broken = true
    await expect(index.nearest('p', vector, 0.9, 1)).rejects.toThrow('gone')
    broken = false
    await index.nearest('p', vector, 0.9, 1)
    await index.close()
    expect(asked.map(([name]) => name)).toEqual(['COMMAND', 'VSIM', 'VSIM', 'VSIM', 'COMMAND', 'VSIM'])
  })

  it('says what to do when there are none, and finds those of the server that comes after it', async () => {
    let known: unknown = null
    const { command, asked } = simulatedServer({ COMMAND: () => [known], VSIM: () => [] })
    const index = redisVectors({ command, prefix: 'a:' })
    const calls = [
      () => index.add('p', 'key', vector, Date.now() + 1000),
      () => index.nearest('p', vector, 0.9, 1),
      () => index.remove('p', ['key'])
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: 'invalid-option',
        message: expect.stringContaining('use Redis 8 or later, or the local index')
      })
    }
    expect(asked.map(([name]) => name)).toEqual(['COMMAND', 'COMMAND', 'COMMAND'])
    known = ['vsim', -1]
    await expect(index.nearest('p', vector, 0.9, 1)).resolves.toEqual([])
    await index.close()
  })

  it('uses vector sets where it may not ask whether there are any', async () => {
    const { command } = simulatedServer({
      COMMAND: () => {
        throw new Error("NOPERM User app has no permissions to run the 'command|info' command")
      },
      VSIM: () => []
    })
    const index = redisVectors({ command, prefix: 'a:' })
    await expect(index.nearest('p', vector, 0.9, 1)).resolves.toEqual([])
    await index.close()
  })

  it('sends no vector that is no unit vector', async () => {
    const { command, asked } = simulatedServer({ COMMAND: () => [['vsim', -1]] })
    const index = redisVectors({ command, prefix: 'a:' })
    for (const numbers of [[], [0, 0], [Number.NaN, 1], [Infinity, 0], [0.6, 0.7]]) {
      const bad = Float32Array.from(numbers)
      for (const call of [index.add('p', 'key', bad, Date.now() + 1000), index.nearest('p', bad, 0, 1)])
        await expect(call).rejects.toMatchObject({ code: 'invalid-option', message: expect.stringMatching(/^vector:/) })
    }
    await index.close()
    expect(asked.filter(([name]) => name !== 'COMMAND')).toEqual([])
  })

  it('asks for a few more than are wanted, and never for more than thousands', async () => {
    const { command, asked } = simulatedServer({ COMMAND: () => [['vsim', -1]], VSIM: () => [] })
    const index = redisVectors({ command, prefix: 'a:' })
    for (const count of [1, 2.5, Infinity, 0, -1, Number.NaN]) await index.nearest('p', vector, 0.9, count)
    await index.close()
    const counts = asked.filter(([name]) => name === 'VSIM').map((args) => args.slice(-2))
    expect(counts).toEqual([
      ['COUNT', '17'],
      ['COUNT', '18'],
      ['COUNT', '4000']
    ])
  })

  it('names partitions by their hash, in one slot and apart by quantisation', async () => {
    const names: string[] = []
    const command: RedisCommand = async (args) => {
      if (args[0] === 'EVALSHA') names.push(...args.slice(3, 5).map(String))
      return args[0] === 'COMMAND' ? [['vsim', -1]] : 1
    }
    for (const quantisation of ['none', 'int8'] as const) {
      const index = redisVectors({ command, prefix: 'a:', quantisation })
      await index.add('any {name}\nat all', 'key', vector, Date.now() + 60_000)
      await index.close()
    }
    expect(names.map((name) => name.replace(/\{[\w-]{22}\}/, '{HASH}'))).toEqual([
      'a:x:{HASH}:f32',
      'a:x:{HASH}:f32:expiries',
      'a:x:{HASH}:q8',
      'a:x:{HASH}:q8:expiries'
    ])
    expect(new Set(names.map((name) => /\{.*\}/.exec(name)?.[0])).size).toBe(1)
  })

  it('refuses calls once it is closed', async () => {
    const { command } = simulatedServer({})
    const index = redisVectors({ command, prefix: 'a:' })
    await index.close()
    await index.close()
    await expect(index.nearest('p', vector, 0.9, 1)).rejects.toMatchObject({ code: 'store-closed' })
  })

  it.each([0, -1, Number.NaN, 2 ** 31])('refuses to sweep every %d ms', (sweepEveryMs) => {
    expect(() => redisVectors({ command: async () => undefined, prefix: 'a:', sweepEveryMs })).toThrow(
      expect.objectContaining({ code: 'invalid-option' })
    )
  })
})
