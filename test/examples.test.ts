import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const folder = join(root, 'examples')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of the examples as a reader would: as a process of its own, with no key in its environment. */
async function start(file: string, ...given: readonly string[]): Promise<Ended> {
  const { OPENAI_API_KEY: _, ANTHROPIC_API_KEY: __, ...env } = process.env
  const ended = run(process.execPath, ['--import', 'tsx', join(folder, file), ...given], { cwd: root, env })
  return ended.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ended) => error
  )
}

/** Each file is run once, and looked at several times. */
const outputs = new Map<string, Promise<string>>()
async function outputOf(file: string): Promise<string> {
  const known = outputs.get(file) ?? start(file).then(({ code, stdout, stderr }) => `${code === 0 ? stdout : stderr}`)
  outputs.set(file, known)
  return known
}

/** The cells of the lines that begin with `start`; of all lines without it. */
async function rowsOf(file: string, start = ''): Promise<string[][]> {
  const lines = (await outputOf(file)).split('\n').filter((line) => line.startsWith(start))
  return lines.map((line) => line.trim().split(/ {2,}/))
}

function dollarsIn(text: string | undefined): number {
  return Number(/\$([\d.]+)/.exec(text ?? '')?.[1])
}

const files = readdirSync(join(folder, 'caching')).filter((file) => /^\d-/.test(file))
const numbered = files.map((file) => ({ file: join('caching', file), number: Number(file[0]) }))

describe('the examples', () => {
  it('are five, which a stranger can read', () => {
    expect(numbered.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
    for (const { file } of numbered) {
      const text = readFileSync(join(folder, file), 'utf8')
      expect(text.split('\n').length).toBeLessThanOrEqual(70)
      expect(text).toMatch(/from 'reprise'/)
    }
  })

  it.each(numbered)('say what README.md shows: $number', async ({ file, number }) => {
    const page = readFileSync(join(folder, 'README.md'), 'utf8')
    const shown = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, kind, text = '']) =>
      kind === '' ? [text] : []
    )
    // Times differ from run to run, and amounts follow the price list: what is left are the words.
    const words = (text: string): string =>
      text
        .replace(/(N|[\d.]+) ms/g, 'N ms')
        .replace(/[\d.]+/g, 'N')
        .replace(/ +/g, ' ')
        .trim()
    expect(words(await outputOf(file))).toBe(words(shown[number - 1] ?? ''))
    expect(page).toContain(`](${file})`)
  })

  it('are run by their number, and listed without one', async () => {
    const all = await start('run.ts')
    expect(all.stdout.trim().split('\n')).toHaveLength(files.length + 1)
    const wrong = await start('run.ts', '6')
    expect(wrong).toMatchObject({ code: 1 })
    expect(wrong.stderr).toContain('expected 1, 2, 3, 4, 5, plan, got 6')
    const second = await start('run.ts', '2')
    expect(second).toMatchObject({ code: 0, stdout: await outputOf('caching/2-what-to-cache.ts') })
  })

  it('1: find the same prompt by its key and the same meaning by its vector', async () => {
    const file = 'caching/1-two-levels.ts'
    const [first, again, alike, other] = await rowsOf(file, 'How')
    expect([first, again, other].map((row) => row?.[1])).toEqual(['provider', 'exact', 'provider'])
    expect(alike?.[1]).toBe('semantic')
    expect(Number(alike?.[2])).toBeGreaterThanOrEqual(0.9)
    const cost = dollarsIn(first?.[3])
    expect(cost).toBeGreaterThan(0)
    expect(again?.[3]).toBe(`free, saved $${cost.toFixed(6)}`)
    expect(alike?.[4]).toBe(`free, saved $${cost.toFixed(6)}`)
    const output = await outputOf(file)
    expect(output).toContain('hit rate 0.50, by meaning 0.25')
    expect(output).toContain('calls to the model 2, to the embedding model 3')
  })

  it('2: keep what is worth it, for as long as it is said', async () => {
    const file = 'caching/2-what-to-cache.ts'
    const rows = [...(await rowsOf(file, 'temperature')), ...(await rowsOf(file, 'a'))]
    expect(rows.map(([, first]) => first)).toEqual(Array(6).fill('provider'))
    expect(rows.map(([, , second, kept]) => [second, kept])).toEqual([
      ['exact', 'fresh for 1440 min'],
      ['exact', 'fresh for 1440 min'],
      ['provider', 'not kept: temperature'],
      ['exact', 'fresh for 60 min'],
      ['exact', 'fresh for 5 min'],
      ['provider', 'not kept']
    ])
    expect(await outputOf(file)).toContain('12 requests, 8 calls to the provider')
  })

  it('3: spend no more than the budget, and answer for nothing when it is spent', async () => {
    const file = 'caching/3-a-budget.ts'
    const rows = await rowsOf(file, 'What should')
    const paid = rows.slice(0, -1)
    expect(paid.length).toBeGreaterThan(2)
    let spent = 0
    for (const [, cost, all, left] of paid) {
      spent += dollarsIn(cost)
      expect(dollarsIn(all)).toBeCloseTo(spent, 5)
      expect(dollarsIn(left)).toBeCloseTo(0.01 - spent, 5)
    }
    expect(spent).toBeLessThanOrEqual(0.01)
    expect(rows.at(-1)?.slice(0, 2)).toEqual([paid[0]?.[0], 'free'])
    const output = await outputOf(file)
    expect(output).toMatch(/^over budget: of the \$0\.01 that initialBudget allows/m)
    expect(output).toContain(`${paid.length + 2} requests: 1 from the cache, ${paid.length} paid for, 1 refused`)
    expect(output).toContain(`the provider was asked ${paid.length} times`)
  })

  it('4: get an answer while there is one to be had, and every reason when there is none', async () => {
    const file = 'caching/4-providers-fail.ts'
    const openai = 'openai/gpt-4o-mini'
    const anthropic = 'anthropic/claude-haiku-4-5'
    const answers = await rowsOf(file, '  answer')
    expect(answers.map(([, who, how]) => [who?.slice(0, who.indexOf('/')), how])).toEqual([
      ['openai', 'provider'],
      ['anthropic', 'provider fallback'],
      ['openai', 'provider'],
      ['openai', 'exact stale']
    ])
    const [busy] = await rowsOf(file, '  again')
    expect(busy).toEqual(['again', openai, 'answered 429'])
    expect((await rowsOf(file, '  instead'))[0]).toEqual(['instead', anthropic, `since ${openai} answered 503`])
    expect(await rowsOf(file, '  error')).toEqual([['error', 'all-providers-failed', 'worth another try later: true']])
    const reasons = await rowsOf(file, '  because')
    expect(reasons.map(([, who, reason]) => [who, reason?.slice(0, 'answered 500'.length)])).toEqual([
      [openai, 'answered 500'],
      [anthropic, 'answered 529']
    ])
  })

  it('5: do nothing twice in a loop, and forget by run and by document', async () => {
    const file = 'caching/5-an-agents-loop.ts'
    const of = async (run: string): Promise<string[]> =>
      (await rowsOf(file, run)).filter((row) => row.length > 3).map(([, , search, model]) => `${search} ${model}`)
    expect(await of('run:1')).toEqual(['made asked', 'made asked', 'made asked'])
    expect(await of('run:2')).toEqual(['cached cached', 'cached cached', 'cached cached'])
    expect(await of('run:3')).toEqual(['cached cached', 'made asked', 'cached cached'])
    expect(await of('run:4')).toEqual(['made asked', 'cached cached', 'made asked'])
    const output = await outputOf(file)
    expect(output).toContain('the passage on notice has changed: 1 search forgotten')
    expect(output).toContain('run:1 was a mistake: 5 searches and answers forgotten')
    expect(output).toContain('12 prompts, 6 from the cache (50 %); 6 of 12 searches made')
  })

  it('plan: ask all once, nothing a second time, and then what depends on the change', async () => {
    const output = await outputOf('plan/main.ts')
    expect([...output.matchAll(/the provider was asked (\d+) times/g)].map(([, times]) => Number(times))).toEqual([
      0, 7, 0, 5
    ])
    const page = readFileSync(join(folder, 'README.md'), 'utf8')
    const picture = output.slice(0, output.indexOf('the provider')).trim()
    expect(page).toContain(`\`\`\`\n${picture}\n\`\`\``)
    expect(output).toContain('now                      7 (7 the same was asked before)')
    expect(output).toContain('now                      7 (2 the same was asked before, 5 by a provider)')
  })
})
