import { RepriseError } from '../core/errors.ts'
import { kindOfKey, modelPrefix } from '../core/key.ts'
import type { Selection } from '../core/selection.ts'
import { selects } from './selects.ts'
import type { Deletions, Selector } from './store.ts'

/** The kind of remembered vectors of texts, which are kept beside the entries. */
export const vectorKind = 'vector'

/** What is kept beside an entry, under a key that begins like the entry's: what was asked, so that it can be asked anew. */
export function recordKey(key: string): string {
  return `${key}${recordSuffix}`
}

const recordSuffix = '~request'

/** One application's part of a store: its keys and tags as the store has them, and what it means by a selection. */
export class Namespace {
  readonly prefix: string
  /** Whose entries there may be: a model's are found by kind and model. */
  readonly #kinds = new Set(['llm', 'embedding', 'retrieval', 'value', vectorKind])

  /** @throws RepriseError `invalid-option` */
  constructor(name = 'default') {
    // No colon within, so that one namespace's prefix is never the beginning of another's.
    if (!/^[\w.-]{1,64}$/.test(name)) {
      throw new RepriseError(
        'invalid-option',
        `namespace: expected 1 to 64 letters, digits, '.', '_' or '-', got ${JSON.stringify(name)}`
      )
    }
    this.prefix = `${name}:`
  }

  /** A key, a tag or a partition as the store has it. */
  stored(name: string): string {
    return this.prefix + name
  }

  /** The key that the store has under another. */
  keyOf(stored: string): string {
    return stored.slice(this.prefix.length)
  }

  /** Notes that there are entries of a kind. */
  know(kind: string): void {
    this.#kinds.add(kind)
  }

  /** What a selection is to the store. */
  selectorsOf(selection: Selection): readonly Selector[] {
    if ('key' in selection) {
      return [selection.key, recordKey(selection.key)].map((key) => ({ key: this.stored(key) }))
    }
    if ('tag' in selection) return [{ tag: this.stored(selection.tag) }]
    if ('prefix' in selection) return [{ prefix: this.stored(selection.prefix) }]
    if ('pattern' in selection) {
      const { pattern } = selection
      // One that ends with a star finds both.
      const patterns = pattern.endsWith('*') ? [pattern] : [pattern, recordKey(pattern)]
      return patterns.map((each) => ({ pattern: this.stored(each) }))
    }
    if ('kind' in selection) return [{ prefix: this.stored(`${selection.kind}:`) }]
    if ('model' in selection) {
      return [...this.#kinds].map((kind) => ({ prefix: this.stored(modelPrefix(kind, selection.model)) }))
    }
    return [{ prefix: this.prefix }]
  }

  /** Whether a key is an entry's, and not that of something that is kept for its sake. */
  isEntry(key: string): boolean {
    return !key.endsWith(recordSuffix) && kindOfKey(key) !== vectorKind
  }

  /** Whether nothing that was deleted is the entry with that key and those tags. `anyTag`: it may bear others too. */
  isSpared({ selectors }: Deletions, key: string, tags: readonly string[], anyTag = false): boolean {
    // Nobody knows any more.
    if (selectors === undefined) return false
    if (selectors.length === 0) return true
    const stored = this.stored(key)
    const storedTags = tags.map((tag) => this.stored(tag))
    return !selectors.some((one) => (anyTag && 'tag' in one) || selects(one, stored, storedTags))
  }
}
