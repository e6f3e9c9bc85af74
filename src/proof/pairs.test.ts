import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { type Pair, readPairs } from './pairs.ts'

let folder: TemporaryFolder
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => folder.remove())

async function read(content: string): Promise<Pair[]> {
  const file = join(folder.path, 'pairs.jsonl')
  writeFileSync(file, content)
  const pairs: Pair[] = []
  for await (const pair of readPairs(file)) pairs.push(pair)
  return pairs
}

describe('readPairs', () => {
  it('reads labels as numbers and as truth values, and keeps other fields aside', async () => {
    const lines = [
      { a: 'A', b: 'B', label: 1, test: 'names', nested: { deep: [1] } },
      { a: 'A', b: 'C', label: 0 },
      { a: 'D', b: 'E', label: true },
      { a: 'D', b: 'F', label: false }
    ]
    const pairs = await read(lines.map((line) => JSON.stringify(line)).join('\n'))
    expect(pairs).toEqual([
      { a: 'A', b: 'B', same: true, line: 1, rest: { test: 'names', nested: { deep: [1] } } },
      { a: 'A', b: 'C', same: false, line: 2, rest: {} },
      { a: 'D', b: 'E', same: true, line: 3, rest: {} },
      { a: 'D', b: 'F', same: false, line: 4, rest: {} }
    ])
  })

  it('passes over empty lines, carriage returns and a byte order mark, and counts lines all the same', async () => {
    const pairs = await read('\uFEFF{"a":"x","b":"y","label":1}\r\n\r\n\n{"a":"x","b":"z","label":0}\r\n')
    expect(pairs.map(({ line, same }) => [line, same])).toEqual([
      [1, true],
      [4, false]
    ])
  })

  it('gives back whatever texts were written, also such with line separators of Unicode', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: fc.string({ unit: 'binary' }), b: fc.constantFrom('x\u2028y', 'p\u0085q', 'é\n') })),
        async (texts) => {
          const pairs = await read(texts.map((text) => `${JSON.stringify({ ...text, label: 1 })}\n`).join(''))
          expect(pairs.map(({ a, b }) => ({ a, b }))).toEqual(texts)
        }
      ),
      { numRuns: 10 }
    )
  })

  it('reads a file that is longer than what comes from the disk at a time', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => ({ a: `ä${index}`.repeat(10), b: 'ß', label: index % 2 }))
    const pairs = await read(lines.map((line) => JSON.stringify(line)).join('\n'))
    expect(pairs.map(({ a, same }) => [a, same])).toEqual(lines.map(({ a, label }) => [a, label === 1]))
  })

  it.each([
    ['{"a":"x","b":"y"}', 'got nothing for "label"'],
    ['{"a":"x","b":"y","label":"1"}', 'got "1" for "label"'],
    ['{"a":"x","b":"y","label":2}', 'got 2 for "label"'],
    ['{"a":7,"b":"y","label":1}', 'got 7 for "a"'],
    ['{"a":"x","label":1}', 'got nothing for "b"'],
    ['["x","y",1]', 'got ["x","y",1]'],
    ['x,y,1', 'got x,y,1']
  ])('says what is wrong with %s, and where', async (line, got) => {
    await expect(read(`{"a":"x","b":"y","label":1}\n\n${line}\n`)).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringMatching(
        /pairs\.jsonl, line 3: expected \{"a": "TEXT", "b": "TEXT", "label": 0 or 1\}, got /
      )
    })
    await expect(read(line)).rejects.toThrow(got)
  })

  it('names the file that is not there', async () => {
    const missing = readPairs(join(folder.path, 'missing.jsonl'))
    await expect(missing.next()).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('missing.jsonl')
    })
  })
})
