import { RepriseError } from './errors.ts'

/** Which entries: by one of these. */
export type Selection =
  | { readonly key: string }
  /** Keys that begin so. A key is `kind:model:hash`. */
  | { readonly prefix: string }
  /** Keys that match: `*` any run, `?` one character. */
  | { readonly pattern: string }
  | { readonly tag: string }
  /** Of answers to requests for this model, of any kind. */
  | { readonly model: string }
  /** `llm`, `embedding`, `retrieval`, `value`, or your own. */
  | { readonly kind: string }
  | { readonly all: true }

export const selectionNames = ['key', 'prefix', 'pattern', 'tag', 'model', 'kind', 'all'] as const

/** A selection from what somebody says. @throws RepriseError `invalid-option`, with the field, for what is none */
export function readSelection(said: Readonly<Record<string, unknown>>): Selection {
  const named = selectionNames.filter((name) => said[name] !== undefined)
  const [name] = named
  const expected = `expected one of ${selectionNames.join(', ')}`
  if (name === undefined || named.length > 1) {
    throw new RepriseError('invalid-option', `${expected}, got ${named.length === 0 ? 'none' : named.join(' and ')}`)
  }
  const value = said[name]
  if (name === 'all') {
    if (value === true) return { all: true }
    throw new RepriseError('invalid-option', `all: expected true, got ${JSON.stringify(value)}`, { field: name })
  }
  if (typeof value === 'string' && value !== '') return { [name]: value } as unknown as Selection
  throw new RepriseError('invalid-option', `${name}: expected a text, got ${JSON.stringify(value)}`, { field: name })
}
