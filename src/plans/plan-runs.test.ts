import { hash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { AskAtom } from './ask-atom.ts'
import type { AtomRequest, Plan } from './plan.ts'
import { PlanResults } from './plan-results.ts'
import { readPlan } from './read-plan.ts'
import { WaveExecutor } from './wave-executor.ts'

/** How many bytes may still be written before the process is as good as dead; undefined: as many as it likes. */
const disk = vi.hoisted((): { left: number | undefined } => ({ left: undefined }))

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>()
  return {
    ...real,
    writeFileSync(file: number | string, data: string, options?: object) {
      if (typeof file === 'string' || disk.left === undefined) return real.writeFileSync(file, data, options)
      const bytes = Buffer.from(data)
      const part = bytes.subarray(0, disk.left)
      real.writeFileSync(file, part)
      disk.left -= part.length
      if (part.length < bytes.length) throw new Error('killed')
    },
    ftruncateSync(descriptor: number, size: number) {
      if (disk.left === 0) throw new Error('killed')
      real.ftruncateSync(descriptor, size)
    }
  }
})

let folder: TemporaryFolder
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder.path, 'results.jsonl')
})

afterEach(() => {
  disk.left = undefined
  folder.remove()
})

type Graph = readonly (readonly string[])[]

/** Up to 30 atoms, each needing some of those before it. */
const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: 30 }).chain((count) =>
  fc.tuple(
    ...Array.from({ length: count }, (_, at) =>
      at === 0
        ? fc.constant<string[]>([])
        : fc.uniqueArray(
            fc.nat(at - 1).map((need) => `a${need}`),
            { maxLength: 4 }
          )
    )
  )
)

/** What goes wrong in one run: after so many questions or bytes, or for these atoms. */
type Trouble =
  | { readonly type: 'stop' | 'abort' | 'throw'; readonly after: number }
  | { readonly type: 'kill'; readonly bytes: number }
  | { readonly type: 'fail'; readonly atoms: ReadonlySet<string> }

const troubles: fc.Arbitrary<Trouble> = fc.oneof(
  fc.record({ type: fc.constantFrom('stop', 'abort', 'throw'), after: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ type: fc.constant('kill'), bytes: fc.nat(6000) }),
  fc.record({
    type: fc.constant('fail'),
    atoms: fc.array(fc.nat(29)).map((atoms) => new Set(atoms.map((atom) => `a${atom}`)))
  })
)

function planOf(graph: Graph, order: readonly number[], revisions: readonly number[] = []): Plan {
  const atoms = graph.map((needs, at) => ({
    id: `a${at}`,
    needs,
    prompt: `a${at}${'!'.repeat(revisions[at] ?? 0)}: ${needs.map((need) => `{{${need}}}`).join(' ')}`
  }))
  const shuffled = atoms
    .map((atom, at) => ({ atom, place: order[at] ?? 0 }))
    .toSorted((one, other) => one.place - other.place)
  return readPlan(JSON.stringify({ id: 'p', defaults: { model: 'm' }, atoms: shuffled.map(({ atom }) => atom) }))
}

function promptOf({ body }: AtomRequest): string {
  return (body['messages'] as { content: string }[])[0]?.content ?? ''
}

/** What follows from the prompt, and looks like a template, a line of results and more. */
function answerTo(prompt: string): string {
  return `{{a0}} {{{{a1}} "\n{"plan":"p","atom":"a0","ok":true} ü日 ${hash('sha256', prompt).slice(0, 12)}`
}

/** The texts that each atom has when nothing goes wrong, worked out from the graph alone. */
function expectedTexts(graph: Graph, revisions: readonly number[] = []): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [at, needs] of graph.entries()) {
    const mark = '!'.repeat(revisions[at] ?? 0)
    texts[`a${at}`] = answerTo(`a${at}${mark}: ${needs.map((need) => texts[need] ?? '').join(' ')}`)
  }
  return texts
}

/** The atoms that a reader of the file finds an answer of. */
function keptAtoms(): ReadonlySet<string> {
  if (!existsSync(file)) return new Set()
  const text = readFileSync(file, 'utf8')
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  const kept = lines.map((line) => JSON.parse(line) as { atom: string; ok: boolean })
  return new Set(kept.filter(({ ok }) => ok).map(({ atom }) => atom))
}

interface Answered {
  readonly texts: Record<string, string>
  readonly end: string
  /** The atoms that the provider has answered in this run. */
  readonly answered: readonly string[]
}

/** One run, with one trouble; its end is `thrown` when it has thrown. */
async function run(plan: Plan, trouble: Trouble | undefined, pauses: readonly number[]): Promise<Answered> {
  const stop = new AbortController()
  const abort = new AbortController()
  const answered: string[] = []
  let asked = 0
  const ask: AskAtom = async (request, signal) => {
    const { atom } = request
    asked += 1
    if (trouble !== undefined && 'after' in trouble && asked === trouble.after) {
      if (trouble.type === 'stop') stop.abort()
      if (trouble.type === 'abort') abort.abort()
      if (trouble.type === 'throw') throw new Error('this makes no sense')
    }
    const pause = pauses[asked % pauses.length] ?? 0
    for (let turn = 0; turn < pause; turn++) await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    if (trouble?.type === 'fail' && trouble.atoms.has(atom))
      return { ok: false, message: 'no', mayPass: false, concernsAll: false }
    answered.push(atom)
    return { ok: true, costUsd: 0.01, answer: { text: answerTo(promptOf(request)), layer: 'provider', isHit: false } }
  }
  disk.left = trouble?.type === 'kill' ? trouble.bytes : undefined
  const results = PlanResults.open(file, plan)
  try {
    const executor = new WaveExecutor({ ask, concurrency: 5 })
    const { answers, end } = await executor.run(plan, { results, stop: stop.signal, abort: abort.signal })
    return { answered, end, texts: Object.fromEntries([...answers].map(([atom, { text }]) => [atom, text])) }
  } catch {
    return { answered, end: 'thrown', texts: {} }
  } finally {
    disk.left = undefined
    results.close()
  }
}

describe('a plan that is run until it is done', () => {
  it('ends as if nothing had gone wrong, with nothing asked twice but what was under way at a kill', async () => {
    const pauses = fc.array(fc.nat(4), { minLength: 1, maxLength: 20 })
    const orders = fc.array(fc.nat(1000), { minLength: 30, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(
        graphs,
        orders,
        fc.array(troubles, { maxLength: 5 }),
        pauses,
        async (graph, order, all, waits) => {
          rmSync(file, { force: true })
          const plan = planOf(graph, order)
          const expected = expectedTexts(graph)
          const times = new Map<string, number>()
          const again = new Map<string, number>()
          for (const trouble of [...all, undefined]) {
            const { answered, texts, end } = await run(plan, trouble, waits)
            for (const atom of answered) times.set(atom, (times.get(atom) ?? 0) + 1)
            for (const [atom, text] of Object.entries(texts)) expect(text).toBe(expected[atom])
            const kept = keptAtoms()
            const lost = answered.filter((atom) => !kept.has(atom))
            for (const atom of lost) again.set(atom, (again.get(atom) ?? 0) + 1)
            expect(lost.length).toBeLessThanOrEqual(trouble?.type === 'kill' ? 5 : 0)
            if (trouble === undefined) {
              expect(end).toBe('finished')
              expect(texts).toEqual(expected)
            }
          }
          for (const atom of Object.keys(expected)) expect(times.get(atom)).toBe(1 + (again.get(atom) ?? 0))
        }
      ),
      { numRuns: 300 }
    )
  }, 120_000)

  it('has after each revision the answers of that one, and asks for what has changed and what depends on it', async () => {
    const revisions = fc.array(fc.array(fc.nat(1), { minLength: 30, maxLength: 30 }), { minLength: 2, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(graphs, revisions, async (graph, all) => {
        rmSync(file, { force: true })
        let before: Record<string, string> = {}
        for (const revision of all) {
          const { answered, texts } = await run(planOf(graph, [], revision), undefined, [0])
          const expected = expectedTexts(graph, revision)
          expect(texts).toEqual(expected)
          // An answer tells of all that was asked.
          const changed = Object.keys(expected).filter((atom) => expected[atom] !== before[atom])
          expect(answered.toSorted()).toEqual(changed.toSorted())
          before = expected
        }
      }),
      { numRuns: 100 }
    )
  }, 120_000)
})
