import type { BatchApi } from '../providers/batch-api.ts'
import type { BatchItem } from './batch-report.ts'

/** What a request takes beside its body: its id, its path, and the names of fields. */
const around = 200

/** Requests as batches take them: for one endpoint and one model each, and no more than fit. */
export function batchGroups<Item extends BatchItem>(
  items: readonly Item[],
  apis: { readonly [Dialect in BatchItem['dialect']]: Pick<BatchApi, 'maxRequests' | 'maxBytes'> }
): { readonly groups: readonly (readonly Item[])[]; readonly tooLarge: number } {
  const full: Item[][] = []
  const open = new Map<string, { items: Item[]; bytes: number }>()
  let tooLarge = 0
  for (const item of items) {
    const { maxRequests, maxBytes } = apis[item.dialect]
    const size = item.body.length + around
    if (size > maxBytes) {
      tooLarge += 1
      continue
    }
    const name = JSON.stringify([item.dialect, item.path, item.model])
    let group = open.get(name)
    if (group !== undefined && (group.items.length >= maxRequests || group.bytes + size > maxBytes)) {
      full.push(group.items)
      group = undefined
    }
    group ??= { items: [], bytes: 0 }
    open.set(name, group)
    group.items.push(item)
    group.bytes += size
  }
  return { groups: [...full, ...[...open.values()].map(({ items: rest }) => rest)], tooLarge }
}
