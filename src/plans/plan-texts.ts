import type { PlanForm } from './plan-form.ts'
import { didYouMean, inFewWords } from './plan-mistakes.ts'
import type { PlanPath } from './plan-source.ts'
import { placesIn, Template } from './template.ts'

/** Of which atom a text is, and what it may name. */
export interface TextOwner {
  readonly id: string
  readonly needs: ReadonlySet<string>
}

/** Characters of all texts of a plan, variables filled in. A few lines can stand for very many. */
const mostCharacters = 256 * 1024 * 1024

/** Takes a plan's texts apart: variables are filled in, places for atoms' answers stay open. */
export class PlanTexts {
  readonly #variables: ReadonlyMap<string, string | undefined>
  readonly #atoms: ReadonlySet<string>
  readonly #form: PlanForm
  readonly #used = new Set<string>()
  #characters = 0

  constructor(variables: ReadonlyMap<string, string | undefined>, atoms: ReadonlySet<string>, form: PlanForm) {
    this.#variables = variables
    this.#atoms = atoms
    this.#form = form
  }

  /** Every name that was met in a place so far. */
  get used(): ReadonlySet<string> {
    return this.#used
  }

  /** A text as it is asked, or a template where it needs answers. What is wrong with it is told to the form. */
  read(text: string, at: PlanPath, owner: TextOwner): string | Template {
    const { pieces, wrong } = placesIn(text)
    for (const place of wrong) {
      this.#form.wrong(at, owner.id, () => {
        const remedy = 'write {{{{ for two braces that stay'
        return `${String(at.at(-1))}: expected a name between {{ and }}, got ${inFewWords(place.at)}; ${remedy}`
      })
    }
    let before = ''
    const open: string[] = []
    for (const [index, piece] of pieces.entries()) {
      const value = index % 2 === 0 ? piece : this.#valueOf(piece, at, owner)
      if (value === undefined) {
        open.push(before, piece)
        before = ''
      } else before += this.#counted(value, at, owner)
    }
    return open.length === 0 ? before : new Template([...open, before])
  }

  /** A variable's value; undefined for an atom's answer. */
  #valueOf(name: string, at: PlanPath, { id, needs }: TextOwner): string | undefined {
    this.#used.add(name)
    const field = String(at.at(-1))
    if (this.#atoms.has(name)) {
      if (needs.has(name)) return undefined
      this.#form.wrong(
        at,
        id,
        () => `${field}: expected atoms that it needs, got {{${name}}}, which it does not; add ${name} to its needs`
      )
      return ''
    }
    const value = this.#variables.get(name)
    if (value !== undefined) return value
    this.#form.wrong(at, id, () => {
      if (this.#variables.has(name))
        return `${field}: expected a value for the variable ${name}, got none; give it one, with --var ${name}=... or in the plan`
      const remedy = didYouMean(name, [...this.#variables.keys(), ...this.#atoms])
      return (
        `${field}: expected a variable or an atom, got {{${name}}}, which is neither` +
        `${remedy || `; add it to variables, or give it with --var ${name}=...`}`
      )
    })
    return ''
  }

  #counted(text: string, at: PlanPath, { id }: TextOwner): string {
    const wasTooMany = this.#characters > mostCharacters
    this.#characters += text.length
    if (this.#characters <= mostCharacters) return text
    const most = mostCharacters.toLocaleString('en')
    if (!wasTooMany)
      this.#form.wrong(at, id, () => `too large: expected at most ${most} characters in all texts, got more`)
    return ''
  }
}
