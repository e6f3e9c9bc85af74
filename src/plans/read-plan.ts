import { atomBody } from './atom-body.ts'
import type { Atom, Plan } from './plan.ts'
import { PlanForm } from './plan-form.ts'
import { didYouMean, PlanMistakes } from './plan-mistakes.ts'
import { type WrittenAtom, type WrittenPlan, writtenPlan } from './plan-schema.ts'
import { planSource } from './plan-source.ts'
import { PlanTexts } from './plan-texts.ts'
import { circlesIn, inArrows } from './waves.ts'

export interface ReadPlanOptions {
  /** The file's, for messages. Default: `the plan`. */
  readonly name?: string
  /** Go before the plan's own of the same name. One that is neither declared nor used is a mistake. */
  readonly variables?: Readonly<Record<string, string>>
}

/** Characters of a plan. */
const longestPlan = 64 * 1024 * 1024

/**
 * Reads a masterplan, written in YAML or JSON; the format is in docs/plans.md.
 * @throws RepriseError `invalid-plan` with all that is wrong with it, up to 20 mistakes: where, what was expected and got,
 * and the remedy
 */
export function readPlan(text: string, options: ReadPlanOptions = {}): Plan {
  const { name = 'the plan', variables: given = {} } = options
  const mistakes = new PlanMistakes(name)
  if (text.length > longestPlan) {
    const got = `${text.length.toLocaleString('en')}; make several plans of it`
    mistakes.add({}, `too large: expected at most ${longestPlan.toLocaleString('en')} characters, got ${got}`)
    mistakes.throwIfAny()
  }
  const source = planSource(text, mistakes)
  mistakes.throwIfAny()
  const form = new PlanForm(source, mistakes)
  const written = writtenPlan(source.value, form)
  const ids = new Set(written.atoms.map(({ id }) => id))
  checkNeeds(written.atoms, ids, form)
  const variables = new Map([...written.variables, ...Object.entries(given)])
  for (const variable of variables.keys()) {
    if (!ids.has(variable)) continue
    form.wrong(
      ['variables', variable],
      undefined,
      () => `variables: expected a name of its own, got ${variable}, which is an atom too; name one of them otherwise`
    )
  }
  const texts = new PlanTexts(variables, ids, form)
  const atoms = written.atoms.map((atom) => readAtom(atom, texts, form))
  checkGiven(given, written, texts.used, form)
  mistakes.throwIfAny()
  return { id: written.id, sharing: written.sharing, atoms }
}

function readAtom(atom: WrittenAtom, texts: PlanTexts, form: PlanForm): Atom {
  const { id, needs, endpoint, tags, ttl } = atom
  const body = atomBody(atom, texts, form)
  return { id, needs, path: endpoint, body, tags, ...(ttl === undefined ? {} : { ttl }) }
}

function checkNeeds(atoms: readonly WrittenAtom[], ids: ReadonlySet<string>, form: PlanForm): void {
  for (const { id, at, needs } of atoms) {
    const seen = new Set<string>()
    for (const [index, need] of needs.entries()) {
      const path = [...at, 'needs', index]
      if (!ids.has(need))
        form.wrong(path, id, () => {
          const remedy = didYouMean(need, ids) || '; add such an atom, or remove it from needs'
          return `needs: expected the id of an atom, got ${JSON.stringify(need)}${remedy}`
        })
      else if (seen.has(need))
        form.wrong(path, id, () => `needs: expected each atom once, got ${need} twice; remove one`)
      seen.add(need)
    }
  }
  const circles = circlesIn(atoms)
  if (circles.length === 0) return
  const places = new Map(atoms.map(({ id, at }) => [id, at]))
  for (const circle of circles) {
    const [id = ''] = circle
    form.wrong(
      [...(places.get(id) ?? []), 'needs'],
      id,
      () => `needs: expected no circle, got ${inArrows(circle)}; remove one of these needs`
    )
  }
}

/** A name that was mistyped on the command line would otherwise go unnoticed. */
function checkGiven(
  given: Readonly<Record<string, string>>,
  { variables }: WrittenPlan,
  used: ReadonlySet<string>,
  form: PlanForm
): void {
  for (const name of Object.keys(given)) {
    if (variables.has(name) || used.has(name)) continue
    form.wrong(['variables'], undefined, () => {
      const known = [...variables.keys()].join(', ') || 'none'
      return `expected the plan's variables (${known}), got ${name}${didYouMean(name, variables.keys()) || '; leave it out'}`
    })
  }
}
