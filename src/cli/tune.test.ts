import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { Embedder } from '../embedders/embedder.ts'
import { tune } from './tune.ts'

let folder: TemporaryFolder
let pairs: string

beforeAll(() => {
  folder = temporaryFolder()
  pairs = join(folder.path, 'pairs.jsonl')
  // The fake embedder below takes the number in a text for its angle in degrees.
  const lines = Array.from({ length: 600 }, (_, index) => ({
    a: `question 0`,
    b: `question ${index % 2 === 0 ? index / 40 : index / 10}`,
    label: index % 2 === 0 ? 1 : 0
  }))
  writeFileSync(pairs, lines.map((line) => JSON.stringify(line)).join('\n'))
})
afterAll(() => folder.remove())

interface Run {
  readonly output: string
  readonly progress: string
  /** What was opened, and how many texts it was given. */
  readonly opened: string[]
  readonly embedded: number
  readonly closed: boolean
}

async function run(
  flags: readonly string[],
  { environment = {}, isTTY = false }: { environment?: NodeJS.ProcessEnv; isTTY?: boolean } = {}
): Promise<Run> {
  let output = ''
  let progress = ''
  let embedded = 0
  let closed = false
  const opened: string[] = []
  const embedder: Embedder = {
    name: 'fake',
    model: 'fake-1',
    minSimilarity: 0.97,
    isCheap: true,
    embed: async (texts) => {
      embedded += texts.length
      return texts.map((text) => {
        const angle = (Number(text.replace('question ', '')) / 180) * Math.PI
        return Float32Array.of(Math.cos(angle), Math.sin(angle))
      })
    },
    close: async () => {
      closed = true
    }
  }
  await tune(flags, {
    environment,
    open: async (spec) => {
      opened.push(spec)
      return embedder
    },
    output: { write: (text) => (output += text), columns: 100 },
    progress: { write: (text) => (progress += text), isTTY }
  })
  return { output, progress, opened, embedded, closed }
}

describe('reprise tune', () => {
  it('proposes a threshold, with its figures and the curve', async () => {
    const { output, opened, closed } = await run([
      pairs,
      '--embedder',
      'fake:x',
      '--max-wrong',
      '0.1',
      '--guards',
      'off'
    ])
    expect(opened).toEqual(['fake:x'])
    expect(closed).toBe(true)
    expect(output).toContain('300 pairs of the same meaning, 300 of another')
    // 0.1 of the angles up to 60 degrees: from cos(6 degrees) = 0.9945 on.
    expect(output.trimEnd().split('\n').at(-2)).toMatch(
      /^Proposed: --min-similarity 0\.995 \(guards off\): recall 38\.\d %/
    )
    for (const level of ['off', 'standard', 'strict']) expect(output).toContain(`guards ${level}\n`)
    expect(output).toContain("fake's own")
    expect(output).toContain('0.995 proposed (guards off)')
  })

  it('writes all figures and the picture where it is told to', async () => {
    const json = join(folder.path, 'figures.json')
    const plot = join(folder.path, 'curve.svg')
    const flags = [
      '--embedder',
      'fake',
      '--max-wrong',
      '0.1',
      '--min-similarity',
      '0.8765',
      '--json',
      json,
      '--plot',
      plot
    ]
    await run([pairs, ...flags])
    const figures = JSON.parse(readFileSync(json, 'utf8'))
    expect(figures).toMatchObject({
      pairs: { file: pairs, read: 600, used: 600, same: 300, different: 300, isBalanced: false },
      embedder: { name: 'fake', model: 'fake-1', minSimilarity: 0.97 },
      maxWrong: 0.1,
      guards: 'standard'
    })
    expect(figures.levels.map(({ level }: { level: string }) => level)).toEqual(['off', 'standard', 'strict'])
    expect(figures.levels[0]).toMatchObject({ proposed: { minSimilarity: 0.995 }, asked: { minSimilarity: 0.8765 } })
    expect(figures.levels[0].points).toHaveLength(101)
    expect(figures.levels[0].points[0].recall).toMatchObject({ of: 300, count: 300, value: 1, high: 1 })
    expect(readFileSync(plot, 'utf8')).toContain('<svg')
  })

  it('takes some pairs by chance, as many of either kind', async () => {
    const { output } = await run([pairs, '--embedder', 'fake', '--limit', '101', '--balance', '--seed', '3'])
    expect(output).toContain('50 pairs of the same meaning, 50 of another')
    const again = await run([pairs, '--embedder', 'fake', '--limit', '101', '--balance', '--seed', '3'])
    expect(again.output).toBe(output)
    const other = await run([pairs, '--embedder', 'fake', '--limit', '101', '--balance', '--seed', '4'])
    expect(other.output).not.toBe(output)
  })

  it('shows the wrong hits that remain, the most similar first', async () => {
    const { output } = await run([
      pairs,
      '--embedder',
      'fake',
      '--guards',
      'off',
      '--max-wrong',
      '0.1',
      '--examples',
      '2'
    ])
    const shown = output.slice(output.indexOf('wrong hits that remain'), output.indexOf('right hits lost to guards'))
    expect([...shown.matchAll(/question (0\.\d)/g)].map(([, number]) => number)).toEqual(['0.1', '0.3'])
  })

  it('takes embedder, guards and threshold from where a gateway takes them', async () => {
    const environment = { REPRISE_EMBEDDER: 'fake:there', REPRISE_GUARDS: 'strict', REPRISE_MIN_SIMILARITY: '0.91' }
    const { opened, output } = await run([pairs, '--max-wrong', '0.5'], { environment })
    expect(opened).toEqual(['fake:there'])
    expect(output).toContain('(guards strict)')
    expect(output).toMatch(/^ {2}0\.910 .* --min-similarity$/m)
    const { opened: flagged } = await run([pairs, '--embedder', 'fake:here'], { environment })
    expect(flagged).toEqual(['fake:here'])
  })

  it('writes one line anew on a terminal, and a few lines elsewhere', async () => {
    const terminal = await run([pairs, '--embedder', 'fake'], { isTTY: true })
    expect(terminal.progress.match(/\n/g)).toHaveLength(1)
    expect(terminal.progress).toMatch(/\r.*embedding: 525 of 525 texts.*\n$/)
    const log = await run([pairs, '--embedder', 'fake'])
    expect(log.progress).not.toContain('\r')
    expect(log.progress).toMatch(/embedding: 525 of 525 texts\n$/)
    expect(log.embedded).toBe(525)
  })

  it.each([
    [['--embedder', 'fake'], 'expected one file of labelled pairs, got none'],
    [['PAIRS'], 'expected an embedder: --embedder EMBEDDER or REPRISE_EMBEDDER, got none'],
    [['PAIRS', 'more', '--embedder', 'fake'], 'expected one file of labelled pairs'],
    [['PAIRS', '--embedder', 'fake', '--max-wrong', '1%'], '--max-wrong: expected a number from 0 to 1, got "1%"'],
    [['PAIRS', '--embedder', 'fake', '--guards', 'lax'], '--guards'],
    [['PAIRS', '--embedder', 'fake', '--limit', '2.5'], '--limit: expected a whole number, got "2.5"'],
    [['PAIRS', '--embedder', 'fake', '--examples', '-1'], '--examples'],
    [['PAIRS', '--embedder', 'fake', '--what'], '--what'],
    [['PAIRS', '--embedder', 'fake', '--json', 'no/such/folder/figures.json'], 'cannot write no/such/folder']
  ])('says what is wrong with %j before anything is embedded', async (flags, message) => {
    const named = flags.map((flag) => (flag === 'PAIRS' ? pairs : flag))
    await expect(run(named)).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(message)
    })
  })

  it('says that one kind of pairs is missing before anything is embedded', async () => {
    const file = join(folder.path, 'one-kind.jsonl')
    writeFileSync(file, '{"a":"question 1","b":"question 2","label":1}\n')
    const opened: string[] = []
    const open = async (spec: string): Promise<Embedder> => {
      opened.push(spec)
      throw new Error('opened')
    }
    await expect(tune([file, '--embedder', 'fake'], { environment: {}, open })).rejects.toThrow('got 1 and 0')
    expect(opened).toEqual([])
  })

  it('closes the embedder and writes nothing when embedding fails', async () => {
    let closed = false
    const json = join(folder.path, 'never.json')
    const broken: Embedder = {
      name: 'broken',
      model: 'broken',
      minSimilarity: 0.9,
      isCheap: false,
      embed: () => Promise.reject(new Error('quota used up')),
      close: async () => {
        closed = true
      }
    }
    await expect(
      tune([pairs, '--embedder', 'fake', '--json', json], { environment: {}, open: async () => broken })
    ).rejects.toThrow('quota used up')
    expect(closed).toBe(true)
    expect(existsSync(json)).toBe(false)
  })

  it('explains itself', async () => {
    const { output, opened } = await run(['--help'])
    for (const flag of ['--embedder', '--max-wrong', '--guards', '--json', '--plot', '--balance'])
      expect(output).toContain(flag)
    expect(opened).toEqual([])
  })
})
