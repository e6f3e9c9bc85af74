import { intents } from './plans-intents.ts'
import type { PlansRun, Told } from './plans-run.ts'
import { changes, type Workload } from './plans-workload.ts'
import { quantile } from './router-caller.ts'
import { count, markdown } from './tables.ts'

/** What is to be reached, beside what the uncached run took. */
const goals = { hitRate: 0.6, cost: 0.5, time: 0.5 }

/** How much of the workload repeats itself: that is a choice, and decides what a cache can be worth. */
export function describeWorkload({ revisions }: Workload): string {
  const numbers = [...new Set(revisions.map(({ number }) => number))]
  const wordings = intents.reduce((sum, intent) => sum + intent.wordings.length, 0)
  const rows = [
    ...numbers.map((number) => ({ name: String(number), of: revisions.filter((each) => each.number === number) })),
    { name: 'later ones, all', of: revisions.filter(({ number }) => number > 1) }
  ].map(({ name, of }) => {
    const atoms = of.flatMap((revision) => revision.atoms)
    return [
      name,
      count(atoms.length),
      ...changes.map((change) =>
        part(
          atoms.filter((atom) => atom.change === change),
          atoms
        )
      )
    ]
  })
  return [
    `${count(revisions.flatMap(({ atoms }) => atoms).length)} atoms in ${revisions.length} plans, drawn from ` +
      `${intents.length} intents in ${wordings} wordings; beside the revision before:\n`,
    markdown(['revision', 'atoms', ...changes], rows)
  ].join('\n')
}

/** What every run came to, beside the first of them, which had no cache. */
export function report(
  runs: readonly PlansRun[],
  times: ReadonlyMap<string, number>
): { readonly text: string; readonly isReached: boolean } {
  const [off] = runs
  if (off === undefined) return { text: '', isReached: false }
  const timeOf = ({ name, tookMs }: PlansRun): number => times.get(name) ?? tookMs
  const lines = [
    markdown(
      [
        '',
        'requests',
        'exact',
        'semantic',
        'joined',
        'asked',
        'hit rate',
        'provider calls',
        'input tokens',
        'output tokens',
        'cost',
        'seconds',
        'wrong'
      ],
      runs.map((run) => [
        run.name,
        count(run.told.length),
        ...['exact', 'semantic', 'joined', 'provider'].map((layer) => count(byLayer(run, layer))),
        percent(hits(run.told), run.told.length),
        count(run.calls),
        count(run.inputTokens),
        count(run.outputTokens),
        `$${run.costUsd.toFixed(4)}`,
        (timeOf(run) / 1000).toFixed(1),
        count(wrong(run).length)
      ])
    ),
    'Hits by what has become of the atom since the revision before:\n',
    markdown(
      [
        '',
        'first revisions',
        'later ones',
        ...changes.map((change) => `later: ${change}`),
        'searches',
        'hits of them',
        'both together'
      ],
      runs.slice(1).map((run) => {
        const [first, later] = [
          run.told.filter(({ revision }) => revision.number === 1),
          run.told.filter(({ revision }) => revision.number > 1)
        ]
        const found = run.searched.filter(({ layer }) => layer !== 'provider').length
        return [
          run.name,
          percent(hits(first), first.length),
          percent(hits(later), later.length),
          ...changes.map((change) => {
            const told = later.filter(({ atom }) => atom.change === change)
            return percent(hits(told), told.length)
          }),
          count(run.searched.length),
          count(found),
          percent(hits(run.told) + found, run.told.length + run.searched.length)
        ]
      })
    ),
    `By the cache's own statistics: ${runs.slice(1).map(stated).join('; ')}\n`,
    'Lookups and writes, in milliseconds:\n',
    latencyTable(runs.slice(1)),
    ...runs.flatMap((run) => [
      ...batchLine(run),
      ...wrongLines(run, off),
      ...run.failures.slice(0, 5).map((failure) => `${run.name}: failed: ${failure}\n`)
    ])
  ]
  const reached = runs.slice(1).map((run) => ({ run, reached: goalsOf(run, off, timeOf) }))
  lines.push(
    'Goals:\n',
    markdown(
      ['', ...(reached[0]?.reached ?? []).map(({ goal }) => goal)],
      reached.map(({ run, reached: each }) => [
        run.name,
        ...each.map(({ figure, isMet }) => `${figure}, ${isMet ? 'met' : 'NOT MET'}`)
      ])
    )
  )
  const isRight = runs.every((run) => wrong(run).length === 0 && run.searched.every((search) => search.isRight))
  // What is asked together is cheaper and no faster, as long as a model writes one word after the other.
  const isReached = reached.every(
    ({ run, reached: each }) => run.batches.length > 0 || each.every(({ isMet }) => isMet)
  )
  return { text: lines.join('\n'), isReached: isRight && isReached }
}

function stated({ name, statedUsd, statedHitRate, searches }: PlansRun): string {
  return `${name} $${statedUsd.toFixed(4)}, combined hit rate ${percent(statedHitRate, 1)}, ${count(searches)} searches made`
}

function goalsOf(run: PlansRun, off: PlansRun, timeOf: (run: PlansRun) => number) {
  const found = run.searched.filter(({ layer }) => layer !== 'provider').length
  const hitRate = (hits(run.told) + found) / (run.told.length + run.searched.length)
  const cost = run.costUsd / off.costUsd
  const time = timeOf(run) / timeOf(off)
  const wrongs = wrong(run).length + run.searched.filter(({ isRight }) => !isRight).length
  return [
    { goal: 'hits of all requests >= 60 %', figure: percent(hitRate, 1), isMet: hitRate >= goals.hitRate },
    { goal: 'cost <= 50 %', figure: percent(cost, 1), isMet: cost <= goals.cost },
    { goal: 'time <= 50 %', figure: percent(time, 1), isMet: time <= goals.time },
    { goal: 'wrong answers 0', figure: count(wrongs), isMet: wrongs === 0 }
  ]
}

function wrong({ told }: PlansRun): readonly Told[] {
  return told.filter(({ ref, atom }) => ref !== atom.ref)
}

/** All of them, those first that are not only wrong because an input was. */
function wrongLines(run: PlansRun, off: PlansRun): readonly string[] {
  const right = new Map(off.told.map((each) => [`${each.revision.id} ${each.atom.id}`, each]))
  const own = wrong(run).filter(({ ref, rightForPrompt }) => ref !== rightForPrompt)
  const inherited = wrong(run).length - own.length
  const searches = run.searched.filter(({ isRight }) => !isRight)
  if (wrong(run).length + searches.length === 0) return []
  return [
    `${run.name}: ${own.length} wrong answers, ${inherited} more below them, ${searches.length} wrong searches (${[...new Set(searches.map(({ query, layer }) => `${layer}: ${query}`))].join('; ')})\n`,
    ...own.map(({ revision, atom, origin, ref, text }) => {
      const asked = run.told.find((other) => other.ref === ref && other.origin.layer === 'provider')
      const uncached = right.get(`${revision.id} ${atom.id}`)
      return [
        `    ${revision.id} ${atom.id} (${atom.change}), ${origin.layer} ${origin.similarity?.toFixed(4) ?? ''}`,
        `      asked:    ${atom.text}`,
        `      answered: ${asked?.atom.text ?? 'nobody knows what'}`,
        `      got ${text.slice(0, 60)} ... instead of ${uncached?.text.slice(0, 60)} ...\n`
      ].join('\n')
    })
  ]
}

function batchLine({ name, batches }: PlansRun): readonly string[] {
  if (batches.length === 0) return []
  const prompts = batches.reduce((sum, { size }) => sum + size, 0)
  const alone = batches.reduce((sum, batch) => sum + batch.alone, 0)
  return [
    `${name}: ${count(prompts)} prompts in ${count(batches.length)} combined calls, ${count(alone)} of them asked again alone\n`
  ]
}

function latencyTable(runs: readonly PlansRun[]): string {
  const names = [...new Set(runs.flatMap(({ latencies }) => [...latencies.keys()]))].sort()
  return markdown(
    ['', ...runs.flatMap(({ name }) => [`${name}: p50`, 'p99'])],
    names.map((name) => [
      name,
      ...runs.flatMap(({ latencies }) => {
        const all = latencies.get(name)
        return [0.5, 0.99].map((q) => (all === undefined ? '-' : quantile(all, q).toFixed(3)))
      })
    ])
  )
}

/** Of one run, by who answered. */
function byLayer({ told }: PlansRun, layer: string): number {
  return told.filter(({ origin }) => (origin.joined === true ? 'joined' : origin.layer) === layer).length
}

/** Answers that nobody had to be asked for, those who shared a call not among them. */
function hits(told: readonly Told[]): number {
  return told.filter(({ origin }) => origin.layer !== 'provider' && origin.joined !== true).length
}

function part(some: readonly unknown[], all: readonly unknown[]): string {
  return `${count(some.length)} (${percent(some.length, all.length)})`
}

function percent(some: number, all: number): string {
  return all === 0 ? '-' : `${((100 * some) / all).toFixed(1)} %`
}
