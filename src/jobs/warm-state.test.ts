import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { askAll } from './ask-all.ts'
import { WarmState, type WarmStateOptions } from './warm-state.ts'

let folder: TemporaryFolder
let made = 0
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => folder.remove())

function newFile(): string {
  return join(folder.path, `${made++}.progress`)
}

const job = { digest: 'd'.repeat(64), purpose: 'abc', lastLine: 1000 }

function open(file: string, options: Partial<WarmStateOptions> = {}): WarmState {
  return WarmState.open(file, { ...job, ...options })
}

function doneIn(state: WarmState, last = 1000): number[] {
  return Array.from({ length: last }, (_, index) => index + 1).filter((line) => state.isDone(line))
}

describe('WarmState', () => {
  it('knows after a new start what was done before', () => {
    const file = newFile()
    const first = open(file)
    first.note([5])
    first.note([1, 2, 3, 5])
    expect(first.count).toBe(4)
    first.close()
    const second = open(file)
    expect(doneIn(second)).toEqual([1, 2, 3, 5])
    second.note([4])
    second.close()
    expect(doneIn(open(file))).toEqual([1, 2, 3, 4, 5])
  })

  it('has each note in the file when it returns', () => {
    const file = newFile()
    const state = open(file)
    state.note([17])
    expect(readFileSync(file, 'utf8')).toMatch(/\n17\n$/)
    state.close()
  })

  it('is compact once it is closed, and says when all is done', () => {
    const file = newFile()
    const state = open(file)
    for (let line = 1000; line > 0; line--) if (line !== 500) state.note([line])
    state.close()
    expect(readFileSync(file, 'utf8').split('\n').slice(1)).toEqual(['1-499', '501-1000', ''])
    const rest = open(file)
    rest.note([500])
    rest.finish()
    rest.close()
    expect(readFileSync(file, 'utf8').split('\n').slice(1)).toEqual(['1-1000', 'finished', ''])
    expect(open(file).count).toBe(1000)
  })

  it('asks exactly the rest, wherever a kill has cut the file', async () => {
    const lines = fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.array(fc.nat({ max: 4 })),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (order, sizes, where) => {
          const file = newFile()
          const state = open(file, { lastLine: 300 })
          const head = readFileSync(file, 'utf8').length
          const notes: number[] = []
          // In the order in which they end, one or several at a time.
          for (let at = 0, index = 0; at < order.length; index++) {
            const some = order.slice(at, at + 1 + (sizes[index] ?? 0))
            at += some.length
            state.note(some)
            notes.push(...some)
          }
          const content = readFileSync(file)
          const cut = Math.floor(where * content.length)
          writeFileSync(file, content.subarray(0, cut))
          const spared = new Set<number>()
          let end = head
          for (const line of notes) {
            end += `${line}\n`.length
            if (end <= cut) spared.add(line)
          }

          const again = open(file, { lastLine: 300 })
          const asked: number[] = []
          async function* items(): AsyncGenerator<number, void, undefined> {
            for (let line = 1; line <= 300; line++) if (!again.isDone(line)) yield line
          }
          await askAll({
            items: items(),
            ask: async (line) => {
              asked.push(line)
              return { ok: true as const, costUsd: 0, answer: undefined }
            },
            settled: (line) => again.note([line]),
            concurrency: 4
          })
          again.close()
          expect(asked.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: 300 }, (_, index) => index + 1).filter((line) => !spared.has(line))
          )
          const last = open(file, { lastLine: 300 })
          expect(last.count).toBe(300)
          last.close()
        }
      ),
      { numRuns: 60 }
    )
  })

  it('stays whole when it is written anew every few notes', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 1000 })),
        fc.integer({ min: 1, max: 5 }),
        (order, compactEvery) => {
          const file = newFile()
          const state = open(file, { compactEvery })
          for (const line of order) state.note([line])
          // As a kill leaves it, with the draft of the file that was to take its place.
          writeFileSync(`${file}.new`, 'reprise wa')
          const again = open(file)
          expect(doneIn(again)).toEqual(order.toSorted((a, b) => a - b))
          again.close()
          expect(existsSync(`${file}.new`)).toBe(false)
          state.close()
        }
      ),
      { numRuns: 30 }
    )
  })

  it('says that the file has changed since, and what helps', () => {
    const file = newFile()
    const state = open(file)
    state.note([1])
    state.close()
    expect(() => open(file, { digest: 'e'.repeat(64) })).toThrow(/another content.*--restart begins anew/)
    expect(() => open(file, { purpose: 'def' })).toThrow(/another way: --url.*--restart begins anew/)
    expect(doneIn(open(file))).toEqual([1])
    const anew = open(file, { digest: 'e'.repeat(64), restart: true })
    expect(anew.count).toBe(0)
    anew.close()
    expect(open(file, { digest: 'e'.repeat(64) }).count).toBe(0)
  })

  it.each(['0-', 'x', '7 8', '1001', '5-1001', '-3'])(
    'does not guess what a line that is damaged means: %s',
    (line) => {
      const file = newFile()
      open(file).close()
      writeFileSync(file, `${readFileSync(file, 'utf8')}${line}\n3\n`)
      expect(() => open(file)).toThrow(/is damaged: expected numbers of lines up to 1000.*--restart/)
    }
  )

  it('never writes over a file of another kind, be it to begin anew', () => {
    const file = newFile()
    writeFileSync(file, '{"model":"m"}\n')
    for (const restart of [false, true])
      expect(() => open(file, { restart })).toThrow(/is no record of reprise warm.*--state/)
    expect(readFileSync(file, 'utf8')).toBe('{"model":"m"}\n')
    expect(() => open(join(folder.path, 'missing', 'x'))).toThrow(/cannot write .*missing.*--state/)
  })
})
