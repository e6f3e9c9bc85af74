import { isObject } from '../core/json.ts'
import { type Draft, type DraftObject, own, put } from './fields.ts'

/**
 * How the parts of a streamed answer become one, for fields that nobody here has heard of.
 *
 * `accumulate` is for what stands in a delta, where each part goes on where the one before it ended:
 * - strings are joined, except those that name something (`id`, `type`, `role`, `name`, `format`, `status`, and
 *   fields ending in `_id`, `_type`, `_name`): providers repeat them, so the last one stands
 * - lists are joined; their objects with an `index` are parts of the object with that index
 * - objects are merged field by field
 * - numbers and booleans are replaced, and so is a value by one of another type
 *
 * `overlay` is for what stands beside a delta (in a choice, or in the event itself), where each part says all there
 * is to say, often again and again: objects are merged field by field, everything else is replaced.
 *
 * In both, null and the empty string take nothing away: they are what providers fill the fields with that a part is
 * not about (`{"content": "Hi", "reasoning_content": null}`).
 *
 * Both may change and keep what they are given.
 */
export function accumulate(before: Draft | undefined, more: Draft, field = ''): Draft {
  if (before === undefined || before === null) return more
  if (more === null) return before
  if (typeof before === 'string' && typeof more === 'string') {
    return naming.test(field) ? more || before : before + more
  }
  if (Array.isArray(before) && Array.isArray(more)) {
    for (const item of more) addItem(before, item)
    return before
  }
  if (isObject(before) && isObject(more)) {
    for (const [name, value = null] of Object.entries(more))
      put(before, name, accumulate(own(before, name), value, name))
    return before
  }
  return more === '' ? before : more
}

/** See above. */
export function overlay(before: Draft | undefined, more: Draft): Draft {
  if (before === undefined || before === null) return more
  if (more === null || more === '') return before
  if (!isObject(before) || !isObject(more)) return more
  for (const [name, value = null] of Object.entries(more)) put(before, name, overlay(own(before, name), value))
  return before
}

const naming = /^(.*_)?(id|type|role|name)$|^(format|status)$/

function addItem(list: Draft[], item: Draft): void {
  const index = indexOf(item)
  const same = index === undefined ? undefined : list.find((known) => indexOf(known) === index)
  if (same === undefined) list.push(item)
  else accumulate(same, item)
}

function indexOf(item: Draft): number | undefined {
  const index = isObject(item) ? own(item as DraftObject, 'index') : undefined
  return typeof index === 'number' ? index : undefined
}
