import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { RepriseError } from '../core/errors.ts'
import type { AskAtom } from './ask-atom.ts'
import type { Plan } from './plan.ts'
import { PlanResults } from './plan-results.ts'
import { readPlan } from './read-plan.ts'
import type { ResultLine } from './result-line.ts'
import { WaveExecutor } from './wave-executor.ts'

let folder: TemporaryFolder
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder.path, 'results.jsonl')
})

afterEach(() => folder.remove())

const plan = readPlan(`
id: small
defaults: {model: m}
atoms: [{id: a, prompt: é}, {id: b, prompt: "{{a}}", needs: [a]}, {id: c, prompt: c}, {id: d, prompt: "{{c}}", needs: [c]}]
`)

/** Runs the plan into the file; the prompt c fails. */
async function run(
  of: Plan = plan,
  restart = false
): Promise<{ readonly asked: readonly string[]; readonly end: string }> {
  const asked: string[] = []
  const ask: AskAtom = async ({ atom }) => {
    asked.push(atom)
    if (atom === 'c') return { ok: false, status: 400, message: 'no', mayPass: false, concernsAll: false }
    const usage = { inputTokens: 1, outputTokens: 2 }
    return { ok: true, costUsd: 0.5, answer: { text: `ü${atom}\n`, layer: 'provider', isHit: false, usage } }
  }
  const results = PlanResults.open(file, of, { restart })
  try {
    const { end } = await new WaveExecutor({ ask, concurrency: 1 }).run(of, { results })
    return { asked, end }
  } finally {
    results.close()
  }
}

function lines(): ResultLine[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ResultLine)
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof RepriseError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'nothing'
}

describe('PlanResults', () => {
  it('writes a line for each atom, for its owner alone', async () => {
    await run()
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
    const request = expect.stringMatching(/^[\da-f]{64}$/)
    const tookMs = expect.any(Number)
    expect(lines()).toEqual([
      {
        plan: 'small',
        atom: 'a',
        wave: 1,
        ok: true,
        request,
        text: 'üa\n',
        layer: 'provider',
        hit: false,
        costUsd: 0.5,
        usage: { inputTokens: 1, outputTokens: 2 },
        tookMs,
        at
      },
      { plan: 'small', atom: 'c', wave: 1, ok: false, request, error: 'no', status: 400, tookMs, at },
      expect.objectContaining({ atom: 'd', ok: false, error: 'skipped: it needs c, which failed', skippedFor: 'c' }),
      expect.objectContaining({ atom: 'b', wave: 2, ok: true })
    ])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  it('is resumed after a cut at any byte: nothing is asked again that has a whole line', async () => {
    await run()
    const whole = readFileSync(file)
    for (let end = 0; end <= whole.length; end++) {
      const rest = whole.subarray(0, end)
      writeFileSync(file, rest)
      const kept = rest.toString('utf8', 0, rest.lastIndexOf('\n') + 1)
      const answered = ['a', 'b'].filter((atom) => kept.includes(`"atom":"${atom}"`))
      const { asked, end: why } = await run()
      expect({ end, why, asked: asked.toSorted() }).toEqual({
        end,
        why: 'finished',
        asked: ['a', 'b', 'c'].filter((atom) => !answered.includes(atom))
      })
      // Whatever was cut, the file is whole again.
      expect(readFileSync(file).subarray(0, Buffer.byteLength(kept)).toString()).toBe(kept)
      expect(new Set(lines().map(({ atom }) => atom))).toEqual(new Set(['a', 'b', 'c', 'd']))
    }
  })

  it('asks all again when it begins anew', async () => {
    await run()
    expect((await run(plan, true)).asked).toEqual(['a', 'c', 'b'])
    expect(lines()).toHaveLength(4)
  })

  it('does not take an answer that was given to somebody else, in another scope', async () => {
    await run()
    expect((await run({ ...plan, sharing: 'isolated' })).asked).toEqual(['a', 'c', 'b'])
  })

  it.each([
    [
      'another plan',
      '{"plan":"other","atom":"a"}\n',
      /holds results of another plan, other: expected those of small; name another file/
    ],
    ['something else', 'id: small\natoms: []\n', /holds something else than results of a plan: .*name another file/],
    ['something short', 'x', /holds something else/]
  ])('leaves a file of %s alone, even to begin anew', (_, text, message) => {
    writeFileSync(file, text)
    for (const restart of [false, true]) {
      expect(codeOf(() => PlanResults.open(file, plan, { restart }))).toMatch(message)
      expect(readFileSync(file, 'utf8')).toBe(text)
    }
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  it('says which line is damaged, and how to go on', async () => {
    await run()
    const text = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, [text[0], '{"plan":"small","atom":7}', ...text.slice(1)].join('\n'))
    expect(codeOf(() => PlanResults.open(file, plan))).toMatch(/^invalid-option: .* is damaged: line 2: .*restart/)
    expect((await run(plan, true)).end).toBe('finished')
  })

  it('says what is wrong with a file that cannot be opened', () => {
    for (const name of [folder.path, '/dev/null']) {
      expect(codeOf(() => PlanResults.open(name, plan))).toBe(
        `invalid-option: ${name} is a folder or a device: expected a file; name another for the results`
      )
    }
    expect(codeOf(() => PlanResults.open(join(folder.path, 'no', 'x'), plan))).toMatch(
      /^invalid-option: cannot open .*name another file/
    )
  })

  it('is not emptied to begin anew before there is something new', async () => {
    await run()
    const before = readFileSync(file, 'utf8')
    const results = PlanResults.open(file, plan, { restart: true })
    expect(results.size).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(before)
    results.note({ plan: 'small', atom: 'a', wave: 1, ok: false, error: 'x', at: '' })
    expect(lines()).toEqual([{ plan: 'small', atom: 'a', wave: 1, ok: false, error: 'x', at: '' }])
    results.close()
  })

  it.each([
    ['is deleted', () => rmSync(file), /deleted, moved or replaced/],
    [
      'is replaced',
      () => {
        writeFileSync(`${file}.new`, readFileSync(file))
        renameSync(`${file}.new`, file)
      },
      /deleted, moved or replaced/
    ],
    ['gets more', () => appendFileSync(file, '{"plan":"small",'), /changed by somebody else/],
    ['gets less', () => truncateSync(file, 3), /changed by somebody else/]
  ])('writes nothing more when its file %s meanwhile, and says so', async (_, meddle, message) => {
    await run()
    const results = PlanResults.open(file, plan)
    meddle()
    const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    const line = { plan: 'small', atom: 'a', wave: 1, ok: false, error: 'x', at: '' } as const
    expect(codeOf(() => results.note(line))).toMatch(message)
    expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined).toBe(before)
    results.close()
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  it('is not written by two at once, and not after it was closed', () => {
    const first = PlanResults.open(file, plan)
    expect(codeOf(() => PlanResults.open(file, plan))).toMatch(
      /^conflict: another run is writing these results: process \d+/
    )
    first.close()
    first.close()
    const second = PlanResults.open(file, plan)
    const line = { plan: 'small', atom: 'a', wave: 1, ok: false, error: 'x', at: '' } as const
    expect(codeOf(() => first.note(line))).toMatch(/was closed/)
    second.close()
  })

  it('takes the lock of a dead process over, and nobody else’s', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(child, 'spawn')
    const lock = `${file}.lock`
    writeFileSync(lock, `${hostname()} ${child.pid} a`)
    expect(codeOf(() => PlanResults.open(file, plan))).toMatch(`process ${child.pid} on ${hostname()}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    PlanResults.open(file, plan).close()
    // A dead one whose number this process has got.
    writeFileSync(lock, `${hostname()} ${process.pid} a`)
    PlanResults.open(file, plan).close()
    writeFileSync(lock, 'elsewhere 1 a')
    expect(codeOf(() => PlanResults.open(file, plan))).toMatch(
      /process 1 on elsewhere; .* delete .*results\.jsonl\.lock/
    )
    expect(readFileSync(lock, 'utf8')).toBe('elsewhere 1 a')
  })

  it('has each line in the system’s hands when it is noted', () => {
    const results = PlanResults.open(file, plan)
    results.note({ plan: 'small', atom: 'a', wave: 1, ok: false, error: 'x', at: '' })
    expect(lines()).toHaveLength(1)
    results.close()
  })
})
