import { RepriseError } from '../core/errors.ts'

/** Where a mistake is, as far as that is known. */
export interface MistakePlace {
  readonly line?: number | undefined
  readonly atom?: string | undefined
}

const mostShown = 20

/** What is wrong with a plan, gathered, so that it can be said all at once. */
export class PlanMistakes {
  readonly #name: string
  readonly #texts: string[] = []
  #count = 0

  /** @param name the file's */
  constructor(name: string) {
    this.#name = name
  }

  get count(): number {
    return this.#count
  }

  /** More of them are only counted. */
  get isFull(): boolean {
    return this.#texts.length >= mostShown
  }

  /** @param text what was expected and got, and the remedy */
  add({ line, atom }: MistakePlace, text: string): void {
    this.#count += 1
    if (this.isFull) return
    const where = [line === undefined ? '' : `line ${line}`, atom === undefined ? '' : `atom ${atom}`]
    const said = where.filter((part) => part !== '').join(', ')
    this.#texts.push(visible(said === '' ? text : `${said}: ${text}`))
  }

  /** @throws RepriseError `invalid-plan` when there is one */
  throwIfAny(): void {
    if (this.#count === 0) return
    const [first = ''] = this.#texts
    const more = this.#count - this.#texts.length
    const list = [...this.#texts, ...(more > 0 ? [`and ${more} more`] : [])].map((text) => `\n  ${text}`).join('')
    const separator = /^(line|atom) /.test(first) ? ', ' : ': '
    throw new RepriseError(
      'invalid-plan',
      this.#count === 1 ? `${this.#name}${separator}${first}` : `${this.#name}: ${this.#count} mistakes${list}`
    )
  }
}

/** What a plan quotes is shown to people: nothing of it moves a cursor, begins a line or turns the reading direction. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A value in a few words, for whoever has written it. */
export function inFewWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

/** The one of the names that a wrong one was most likely meant to be; undefined: none is near. */
export function nearestName(wrong: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    if (Math.abs(name.length - wrong.length) >= least) continue
    const edits = editsBetween(wrong.toLowerCase(), name.toLowerCase(), least)
    if (edits >= least) continue
    least = edits
    nearest = name
  }
  return nearest
}

/** `; did you mean outline?`, or nothing. */
export function didYouMean(wrong: string, names: Iterable<string>): string {
  const nearest = nearestName(wrong, names)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}

/** How many letters are to be put in, taken out or changed (Levenshtein, 1966); `limit` when it is that many or more. */
function editsBetween(from: string, to: string, limit: number): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const changed = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    if (Math.min(...next) >= limit) return limit
    row = next
  }
  return Math.min(row[to.length] ?? limit, limit)
}
