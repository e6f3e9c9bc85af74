import { describe, expect, it } from 'vitest'
import { intents, meaningOf, worded } from '../../bench/plans-intents.ts'
import { Library, subjects } from '../../bench/plans-library.ts'
import { planModel, refIn } from '../../bench/plans-model.ts'
import { workload } from '../../bench/plans-workload.ts'

const planned = workload({ revisions: 4, services: 3 })
const atoms = planned.revisions.flatMap((revision) => revision.atoms)

/** Each parameter's first value, and the plan's own. */
function usualValues(parameters: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  const own = Object.fromEntries([...parameters].map(([name, values]) => [name, values[0] ?? '']))
  return { service: 'orders', module: 'cart', language: 'Go', store: 'MySQL', ...own }
}

function bodyWith(texts: readonly string[], question: string) {
  const content = [...texts, question].map((text) => ({ type: 'text', text }))
  return { messages: [{ role: 'user', content }] }
}

describe('the workload of plans', () => {
  it('has at least 150 intents, each in three wordings or more', () => {
    expect(intents.length).toBeGreaterThanOrEqual(150)
    for (const { id, wordings } of intents) expect(new Set(wordings).size, id).toBeGreaterThanOrEqual(3)
  })

  it('says every parameter in each of its wordings, so that they ask for the same', () => {
    for (const { id, wordings, parameters } of intents) {
      const named = (wording: string): string[] => [...new Set(wording.match(/\{\w+\}/g))].sort()
      for (const wording of wordings) expect(named(wording), `${id}: ${wording}`).toEqual(named(wordings[0] ?? ''))
      for (const [name, values] of parameters) expect(new Set(values).size, `${id}: ${name}`).toBeGreaterThan(1)
    }
  })

  it('asks another question where any value is another', () => {
    for (const intent of intents) {
      const values = usualValues(intent.parameters)
      for (const [name, [, other = '']] of intent.parameters) {
        const changed = { ...values, [name]: other }
        expect(meaningOf(intent, changed)).not.toBe(meaningOf(intent, values))
        for (const wording of intent.wordings.keys())
          expect(worded(intent, wording, changed)).not.toBe(worded(intent, wording, values))
      }
    }
  })

  it('is the same for the same seed, and another for another', () => {
    const ids = (seed: string): string[] =>
      workload({ revisions: 2, services: 1, seed }).revisions.flatMap((revision) =>
        revision.atoms.map(({ ref }) => ref)
      )
    expect(ids('one')).toEqual(ids('one'))
    expect(ids('one')).not.toEqual(ids('two'))
  })

  it('leaves most of a plan word for word as it was, and has all kinds of changes', () => {
    const later = planned.revisions.filter(({ number }) => number > 1).flatMap((revision) => revision.atoms)
    const share = later.filter(({ change }) => change === 'identical').length / later.length
    expect(share).toBeGreaterThan(0.55)
    expect(share).toBeLessThan(0.85)
    expect(new Set(later.map(({ change }) => change)).size).toBe(6)
  })

  it('needs only atoms that stand before it in its plan', () => {
    for (const revision of planned.revisions) {
      const known = new Set<string>()
      for (const { id, needs } of revision.atoms) {
        expect(needs.filter((need) => !known.has(need))).toEqual([])
        known.add(id)
      }
    }
  })

  it('finds other documents for another case, and other text in another edition', () => {
    const library = new Library()
    const [{ id = '', cases = [] } = {}] = subjects
    const [first = '', second = ''] = cases
    const before = JSON.stringify(library.find(id, first))
    expect(JSON.stringify(library.find(id, second))).not.toBe(before)
    library.edit(id)
    expect(JSON.stringify(library.find(id, first))).not.toBe(before)
  })
})

describe('the model of plans', () => {
  const model = planModel(planned)

  it('gives each atom the answer it should have, going by the answers and documents before it', () => {
    const library = new Library()
    for (const revision of planned.revisions) {
      for (const document of revision.edited) library.edit(document)
      const answers = new Map<string, string>()
      for (const { id, text, needs, query, ref } of revision.atoms) {
        const { subject = '', ofCase = '' } = planned.searches.get(query ?? '') ?? {}
        const documents = query === undefined ? [] : library.find(subject, ofCase)
        const given = [
          ...documents.map((document) => String((document as { text: string }).text)),
          ...needs.map((need) => answers.get(need) ?? '')
        ]
        const answer = model.answer(text, bodyWith(given, text))
        expect(refIn(answer), id).toBe(ref)
        answers.set(id, answer)
      }
    }
  })

  it('says the same in other words to another wording of a question', () => {
    const byMeaning = new Map<string, string[]>()
    for (const [text, meaning] of planned.meanings) byMeaning.set(meaning, [...(byMeaning.get(meaning) ?? []), text])
    const several = [...byMeaning.values()].filter((texts) => texts.length > 1)
    expect(several.length).toBeGreaterThan(0)
    for (const [one = '', other = ''] of several) {
      const [said, saidOther] = [model.answer(one, bodyWith([], one)), model.answer(other, bodyWith([], other))]
      expect(refIn(said)).toBe(refIn(saidOther))
      expect(said).not.toBe(saidOther)
    }
  })

  it('is told apart by what it goes by', () => {
    const [{ text = '' } = {}] = atoms
    const refs = [[], ['Ref aaaaaaaaaaaa. One.'], ['Ref bbbbbbbbbbbb. One.'], ['Document a@1. One.']].map((given) =>
      model.refOf(text, bodyWith(given, text))
    )
    expect(new Set(refs).size).toBe(4)
  })
})
