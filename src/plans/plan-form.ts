import { isObject, type JsonObject } from '../core/json.ts'
import { didYouMean, inFewWords, type PlanMistakes } from './plan-mistakes.ts'
import type { PlanPath, PlanSource } from './plan-source.ts'

/** A part of a plan that is being checked: what it is, where it stands, and of which atom. */
export interface Part {
  readonly value: JsonObject
  readonly path: PlanPath
  readonly atom?: string
}

/** Takes a plan's fields out of what is written, and tells of what is not as it must be. */
export class PlanForm {
  readonly #source: PlanSource
  readonly #mistakes: PlanMistakes

  constructor(source: PlanSource, mistakes: PlanMistakes) {
    this.#source = source
    this.#mistakes = mistakes
  }

  /** Tells of a mistake; its words are only made when they are shown. */
  wrong(path: PlanPath, atom: string | undefined, words: () => string): void {
    if (this.#mistakes.isFull) this.#mistakes.add({}, '')
    else this.#mistakes.add({ line: this.#source.lineOf(path), atom }, words())
  }

  namesAt(path: PlanPath): readonly string[] {
    return this.#source.namesAt(path)
  }

  /** A map that has none but the known fields, without those that have nothing behind them. */
  part(value: unknown, path: PlanPath, known: readonly string[], atom?: string): Part {
    const name = path.length === 0 ? 'the plan' : String(path.at(-1))
    const own = atom === undefined ? {} : { atom }
    if (!isObject(value)) {
      this.wrong(path, atom, () => `${name}: expected a map of ${known.join(', ')}, got ${inFewWords(value)}`)
      return { value: {}, path, ...own }
    }
    const entries = Object.entries(value).filter(([, held]) => held !== null && held !== undefined)
    for (const [field] of entries) {
      if (known.includes(field)) continue
      this.wrong([...path, field], atom, () => {
        const remedy =
          didYouMean(field, known) || '; remove it, or move it into parameters if it belongs to the request'
        return `expected one of the fields ${known.join(', ')}, got ${inFewWords(field)}${remedy}`
      })
    }
    return { value: Object.fromEntries(entries), path, ...own }
  }

  /** A text; undefined where there is none, or something else. */
  text(part: Part, field: string): string | undefined {
    const value = part.value[field]
    if (value === undefined || typeof value === 'string') return value
    this.#expected(part, field, 'a text', typeof value === 'object' ? '' : '; put it in quotes')
    return undefined
  }

  /** A text that is a name: of a plan, an atom, a variable. */
  id(part: Part, field: string): string | undefined {
    const text = this.text(part, field)
    if (text === undefined || isId(text)) return text
    this.#expected(part, field, idForm)
    return undefined
  }

  map(part: Part, field: string): JsonObject | undefined {
    const value = part.value[field]
    if (value === undefined || isObject(value)) return value
    this.#expected(part, field, 'a map')
    return undefined
  }

  texts(part: Part, field: string): readonly string[] | undefined {
    const value = part.value[field]
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
    const remedy = typeof value === 'string' ? `; write [${value}]` : Array.isArray(value) ? '; put each in quotes' : ''
    this.#expected(part, field, 'a list of texts', remedy)
    return undefined
  }

  oneOf<Choice extends string>(part: Part, field: string, choices: readonly Choice[]): Choice | undefined {
    const value = part.value[field]
    const choice = choices.find((one) => one === value)
    if (choice === undefined && value !== undefined) this.#expected(part, field, `one of ${choices.join(', ')}`)
    return choice
  }

  #expected({ value, path, atom }: Part, field: string, expected: string, remedy = ''): void {
    this.wrong([...path, field], atom, () => `${field}: expected ${expected}, got ${inFewWords(value[field])}${remedy}`)
  }
}

export const idForm = 'a name of 1 to 64 letters, digits, _, . and -'

export function isId(text: string): boolean {
  return /^[\w.-]{1,64}$/.test(text)
}
