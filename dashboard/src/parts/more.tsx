import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { count } from '../format.ts'

interface MoreProps<Item> {
  readonly items: readonly Item[]
  readonly few: number
  readonly children: (items: readonly Item[]) => ComponentChildren
}

/** The first few of a list, and a button for the rest. */
export function More<Item>({ items, few, children }: MoreProps<Item>) {
  const [all, setAll] = useState(false)
  return (
    <>
      {children(all ? items : items.slice(0, few))}
      {items.length > few && (
        <button type="button" class="link more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${count(items.length)}`}
        </button>
      )}
    </>
  )
}
