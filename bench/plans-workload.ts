import { Developed, type Draft, odds, one, services, sizes } from './plans-development.ts'
import { meaningOf, type Role, worded } from './plans-intents.ts'
import { Library, subjects } from './plans-library.ts'
import { digest, seededBy } from './plans-random.ts'

/** What of a plan's atom is new, compared with the plan's revision before. */
export const changes = [
  'new',
  'identical',
  're-phrased',
  'below a re-phrased one',
  'changed',
  'below a change'
] as const
export type Change = (typeof changes)[number]

/** A question of a plan. */
export interface PlannedAtom {
  readonly id: string
  readonly role: Role
  readonly text: string
  readonly needs: readonly string[]
  /** What is looked up in the library before it is asked. */
  readonly query?: string
  readonly change: Change
  /** What the right answer is known by: it follows from what is asked, from the documents found, and from the answers needed. */
  readonly ref: string
}

/** One revision of one service's plan. */
export interface Revision {
  readonly id: string
  readonly number: number
  /** The documents that were written anew since the revision before it. */
  readonly edited: readonly string[]
  readonly atoms: readonly PlannedAtom[]
}

export interface Workload {
  /** In the order in which they are run. */
  readonly revisions: readonly Revision[]
  /** What is asked for, by question. */
  readonly meanings: ReadonlyMap<string, string>
  /** What is looked for, by query. */
  readonly searches: ReadonlyMap<string, { readonly subject: string; readonly ofCase: string }>
}

export interface WorkloadOptions {
  /** Default: 6. */
  readonly revisions?: number
  /** Default: all five. */
  readonly services?: number
  readonly seed?: string
}

/** Plans of several services, developed over several revisions, as follows from the seed. */
export function workload({
  revisions = 6,
  services: most = services.length,
  seed = 'plans'
}: WorkloadOptions = {}): Workload {
  const meanings = new Map<string, string>()
  const searches = new Map<string, { subject: string; ofCase: string }>()
  const library = new Library()
  const random = seededBy(seed)
  const conventions = new Developed('all', random)
  conventions.begin('shared', sizes.shared, [])
  const plans = services.slice(0, most).map(([name, language, store, modules]) => {
    const plan = new Developed(name, random, { service: name, language, store }, modules.split(', '))
    plan.beginWhole()
    return { plan, before: new Map<string, Known>() }
  })
  const run: Revision[] = []
  for (let number = 1; number <= revisions; number++) {
    const edited: string[] = []
    if (number > 1) {
      conventions.develop()
      for (let count = 0; count < odds.editedDocuments; count++) edited.push(one(library.ids, random))
      for (const id of edited) library.edit(id)
    }
    for (const [index, { plan, before }] of plans.entries()) {
      if (number > 1) plan.develop()
      const atoms = resolved([...conventions.drafts.values(), ...plan.drafts.values()], {
        before,
        library,
        meanings,
        searches
      })
      run.push({ id: `${plan.name}-${number}`, number, edited: index === 0 ? edited : [], atoms })
    }
  }
  return { revisions: run, meanings, searches }
}

/** What an atom was in the revision before. */
interface Known {
  readonly meaning: string
  /** Of the question alone. */
  readonly text: string
  readonly ref: string
  /** Of the whole prompt. */
  readonly prompt: string
}

interface Surroundings {
  /** By atom; of this revision afterwards. */
  readonly before: Map<string, Known>
  readonly library: Library
  readonly meanings: Map<string, string>
  readonly searches: Map<string, { subject: string; ofCase: string }>
}

/** The drafts as atoms, with what their right answers are and what has become of them. */
function resolved(
  drafts: readonly Draft[],
  { before, library, meanings, searches }: Surroundings
): readonly PlannedAtom[] {
  const reviews = drafts.filter(({ role }) => role === 'review').map(({ id }) => id)
  const now = new Map<string, Known>()
  const atoms: PlannedAtom[] = []
  for (const draft of drafts.toSorted((a, b) => order.indexOf(a.role) - order.indexOf(b.role))) {
    const { id, role, intent, values, search } = draft
    const text = worded(intent, draft.wording, values)
    const meaning = meaningOf(intent, values)
    const needs = role === 'summary' ? reviews : draft.needs
    if ((meanings.get(text) ?? meaning) !== meaning) throw new Error(`two meanings of one question: ${text}`)
    meanings.set(text, meaning)
    const about = search === undefined ? undefined : subjects[search.subject]
    const query = about?.wordings[(search?.wording ?? 0) % about.wordings.length]?.replace(
      '{case}',
      search?.ofCase ?? ''
    )
    if (query !== undefined && about !== undefined && search !== undefined)
      searches.set(query, { subject: about.id, ofCase: search.ofCase })
    const found = about === undefined || search === undefined ? [] : library.refs(about.id, search.ofCase)
    const inputs = needs.map((need) => now.get(need))
    const ref = refOf(meaning, [...found, ...inputs.map((input) => input?.ref ?? '')])
    const prompt = digest(JSON.stringify([text, found, inputs.map((input) => input?.prompt)]), 16)
    const known = { meaning, text, ref, prompt }
    now.set(id, known)
    atoms.push({
      id,
      role,
      text,
      needs,
      change: changeOf(known, before.get(id)),
      ref,
      ...(query === undefined ? {} : { query })
    })
  }
  before.clear()
  for (const [id, known] of now) before.set(id, known)
  return atoms
}

const order: readonly Role[] = [
  'shared',
  'outline',
  'operations',
  'design',
  'code',
  'docs',
  'tests',
  'review',
  'summary'
]

/** What the right answer is known by. */
export function refOf(meaning: string, inputs: readonly string[]): string {
  return digest(JSON.stringify([meaning, ...inputs]), 12)
}

function changeOf(now: Known, before: Known | undefined): Change {
  if (before === undefined) return 'new'
  if (now.meaning !== before.meaning) return 'changed'
  if (now.ref !== before.ref) return 'below a change'
  if (now.text !== before.text) return 're-phrased'
  return now.prompt === before.prompt ? 'identical' : 'below a re-phrased one'
}
