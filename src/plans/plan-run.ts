import { setMaxListeners } from 'node:events'
import { RepriseError } from '../core/errors.ts'
import { type AskEnd, type Asked, askAll } from '../jobs/ask-all.ts'
import type { SpendingLimit } from '../jobs/spending-limit.ts'
import type { AskAtom, AskedAtom, AtomAskedInVain, BeforeWave } from './ask-atom.ts'
import { atomRequest, requestHash } from './atom-request.ts'
import type { Atom, AtomAnswer, AtomRequest, Plan } from './plan.ts'
import type { PlanEvent, PlanOutcome } from './plan-event.ts'
import type { PlanResults } from './plan-results.ts'
import { answerIn } from './result-line.ts'
import { wavesOf } from './waves.ts'

export interface PlanRunOptions {
  readonly ask: AskAtom
  readonly batch: boolean
  readonly concurrency: number
  readonly allowUnknown: boolean
  readonly observe: (event: PlanEvent) => void
  readonly results: PlanResults
  readonly stop: AbortSignal
  readonly abort: AbortSignal
  readonly budget?: SpendingLimit
  readonly beforeWave?: BeforeWave
}

/** An atom that is to be asked. */
interface Pending {
  readonly wave: number
  readonly request: AtomRequest
  readonly hash: string
  /** When it was first asked. */
  begunMs?: number
}

/** What an answer came to: one that had to be paid for and is of no use is accounted for as an answer. */
type Paid = { readonly answer: AtomAnswer } | { readonly vain: AtomAskedInVain }

/** One run of a plan. */
export class PlanRun {
  readonly #plan: Plan
  readonly #options: PlanRunOptions
  readonly #waves: readonly (readonly Atom[])[]
  readonly #answers = new Map<string, AtomAnswer>()
  /** Atoms that have no answer, and the failed one because of which. */
  readonly #lost = new Map<string, string>()
  readonly #counts = { hits: 0, failed: 0, skipped: 0, resumed: 0, unpriced: 0 }
  /** Nothing more is to be begun. */
  readonly #leave: AbortSignal
  #costUsd = 0
  #savedUsd = 0

  constructor(plan: Plan, options: PlanRunOptions) {
    this.#plan = plan
    this.#options = options
    this.#waves = wavesOf(plan)
    this.#leave = AbortSignal.any([options.stop, options.abort])
    // As many may listen as requests are prepared at a time.
    setMaxListeners(0, this.#leave)
  }

  async run(): Promise<PlanOutcome> {
    const { observe } = this.#options
    const { id, atoms } = this.#plan
    this.#resume()
    observe({
      type: 'plan-begun',
      plan: id,
      waves: this.#waves.length,
      atoms: atoms.length,
      alreadyDone: this.#answers.size
    })
    let end: AskEnd = 'finished'
    for (const [index, wave] of this.#waves.entries()) {
      end = await this.#runWave(wave, index + 1)
      if (end !== 'finished') break
    }
    const outcome = this.#outcome(end)
    observe({ type: 'plan-ended', outcome })
    return outcome
  }

  /** Takes up the answers of an earlier run that hold for certain: what they depend on holds, too. */
  #resume(): void {
    if (this.#options.results.size === 0) return
    for (const [index, wave] of this.#waves.entries()) {
      const before = this.#answers.size
      for (const atom of wave) {
        if (atom.needs.every((need) => this.#answers.has(need))) this.#resumed(this.#requestOf(atom, index + 1))
      }
      if (this.#answers.size === before) return
    }
  }

  /** True when an earlier run has asked the same, and its answer is taken. */
  #resumed({ request, hash }: Pending): boolean {
    const line = this.#options.results.answerTo(request.atom, hash)
    if (line === undefined) return false
    this.#answers.set(request.atom, answerIn(line))
    this.#counts.resumed += 1
    return true
  }

  #requestOf(atom: Atom, wave: number): Pending {
    const answerOf = (name: string): string => {
      const answer = atom.needs.includes(name) ? this.#answers.get(name) : undefined
      if (answer !== undefined) return answer.text
      const message = `atom ${atom.id}: expected templates of atoms that it needs, got ${name}; add ${name} to its needs`
      throw new RepriseError('invalid-plan', message)
    }
    const request = atomRequest(this.#plan, atom, wave, this.#options.batch, answerOf)
    return { wave, request, hash: requestHash(request) }
  }

  async #runWave(atoms: readonly Atom[], wave: number): Promise<AskEnd> {
    const { observe, beforeWave } = this.#options
    const open = atoms.filter(({ id }) => !this.#answers.has(id))
    const signal = this.#leave
    if (open.length > 0 && signal.aborted) return 'stopped'
    observe({ type: 'wave-begun', wave, atoms: atoms.length, pending: open.length })
    const pending = open.flatMap((atom) => this.#prepared(atom, wave) ?? [])
    if (pending.length > 0) {
      await this.#untilAborted(
        beforeWave?.(
          pending.map(({ request }) => request),
          wave,
          signal
        ),
        signal
      )
      if (signal.aborted) return 'stopped'
      const end = await this.#askAll(pending)
      const isOver = pending.every(({ request }) => this.#answers.has(request.atom) || this.#lost.has(request.atom))
      // A stop that came when the wave was over ends the run before the next one, if there is one.
      if (end !== 'finished' && !(end === 'stopped' && isOver)) return end
    }
    observe({ type: 'wave-ended', wave })
    return 'finished'
  }

  /** What was given up because of the signal may say so by throwing. */
  async #untilAborted(preparation: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
    try {
      await preparation
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** The atom as it is to be asked; undefined when there is nothing to ask. */
  #prepared(atom: Atom, wave: number): Pending | undefined {
    const { observe } = this.#options
    const need = atom.needs.find((one) => this.#lost.has(one))
    if (need !== undefined) return this.#skip(atom, wave, need)
    const pending = this.#requestOf(atom, wave)
    if (!this.#resumed(pending)) return pending
    const { layer = '', isHit } = this.#answers.get(atom.id) ?? {}
    observe({
      type: 'atom-settled',
      atom: atom.id,
      wave,
      outcome: 'resumed',
      layer,
      ...(isHit === undefined ? {} : { hit: isHit })
    })
    return undefined
  }

  #skip({ id: atom }: Atom, wave: number, need: string): undefined {
    const root = this.#lost.get(need) ?? need
    const because = root === need ? 'which failed' : `which was skipped because ${root} failed`
    const error = `skipped: it needs ${need}, ${because}`
    this.#lost.set(atom, root)
    this.#counts.skipped += 1
    this.#options.results.note({ ...this.#lineOf(atom, wave), ok: false, error, skippedFor: need, at: timeNow() })
    this.#options.observe({ type: 'atom-settled', atom, wave, outcome: 'skipped', error })
  }

  #lineOf(atom: string, wave: number): { readonly plan: string; readonly atom: string; readonly wave: number } {
    return { plan: this.#plan.id, atom, wave }
  }

  #askAll(pending: readonly Pending[]): Promise<AskEnd> {
    const { ask, observe, concurrency, allowUnknown, stop, abort, budget } = this.#options
    return askAll<Pending, Paid>({
      items: oneByOne(pending),
      async ask(item, signal) {
        if (item.begunMs === undefined) {
          item.begunMs = performance.now()
          observe({ type: 'atom-begun', atom: item.request.atom, wave: item.wave })
        }
        return paid(await ask(item.request, signal))
      },
      settled: (item, asked) => this.#settle(item, asked),
      concurrency: Math.min(concurrency, pending.length),
      allowUnknown,
      stop,
      abort,
      ...(budget === undefined ? {} : { budget })
    })
  }

  /** An answer is in the results before anything else is done with it. */
  #settle({ request, hash, wave, begunMs = 0 }: Pending, asked: Asked<Paid>): void {
    const { atom } = request
    const tookMs = Math.round(performance.now() - begunMs)
    const cost = asked.ok && asked.costUsd !== undefined ? { costUsd: asked.costUsd } : {}
    const common = { ...cost, tookMs }
    const line = { ...this.#lineOf(atom, wave), request: hash }
    if (asked.ok && 'answer' in asked.answer) {
      const { text, layer, isHit: hit, savedUsd, usage } = asked.answer.answer
      const saved = savedUsd === undefined ? {} : { savedUsd }
      const used = usage === undefined ? {} : { usage }
      const said = { ...line, ok: true as const, text, layer, hit }
      this.#options.results.note({ ...said, ...saved, ...used, ...common, at: timeNow() })
      this.#answers.set(atom, asked.answer.answer)
      if (hit) this.#counts.hits += 1
      this.#savedUsd += savedUsd ?? 0
      this.#options.observe({ type: 'atom-settled', atom, wave, outcome: 'answered', layer, hit, ...saved, ...common })
    } else {
      const { message: error, status } =
        asked.ok && 'vain' in asked.answer ? asked.answer.vain : (asked as AtomAskedInVain)
      const failure = { error, ...(status === undefined ? {} : { status }), ...common }
      this.#options.results.note({ ...line, ok: false, ...failure, at: timeNow() })
      this.#lost.set(atom, atom)
      this.#counts.failed += 1
      this.#options.observe({ type: 'atom-settled', atom, wave, outcome: 'failed', ...failure })
    }
    this.#costUsd += cost.costUsd ?? 0
    if (asked.ok && asked.costUsd === undefined) this.#counts.unpriced += 1
  }

  #outcome(end: AskEnd): PlanOutcome {
    const { failed, skipped } = this.#counts
    const atoms = this.#plan.atoms.length
    const done = this.#answers.size
    return {
      end,
      atoms,
      done,
      ...this.#counts,
      left: atoms - done - failed - skipped,
      costUsd: this.#costUsd,
      savedUsd: this.#savedUsd,
      answers: this.#answers
    }
  }
}

function paid(asked: AskedAtom): Asked<Paid> {
  if (asked.ok) return { ok: true, costUsd: asked.costUsd, answer: { answer: asked.answer } }
  if (asked.mayPass || !('costUsd' in asked)) return asked
  return { ok: true, costUsd: asked.costUsd, answer: { vain: asked } }
}

async function* oneByOne<Item>(items: readonly Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items
}

function timeNow(): string {
  return new Date().toISOString()
}
