import { globMatcher } from './glob.ts'
import type { Selector } from './store.ts'

/** Whether an entry with that key and those tags is among what is selected. */
export function selects(selector: Selector, key: string, tags: readonly string[]): boolean {
  if ('key' in selector) return selector.key === key
  if ('tag' in selector) return tags.includes(selector.tag)
  if ('prefix' in selector) return key.startsWith(selector.prefix)
  return 'pattern' in selector ? globMatcher(selector.pattern)(key) : true
}
