import type { ModelGroup, TagGroup } from '../api.ts'
import { compact, count, dollars, span } from '../format.ts'
import { More } from './more.tsx'
import { Empty, Locked, Panel } from './panel.tsx'
import { RateBar } from './rate-bar.tsx'
import { TableBox } from './table-box.tsx'

interface GroupTableProps {
  readonly title: string
  readonly name: 'model' | 'tag'
  /** Undefined while nothing is known, and for those who may not administrate. */
  readonly groups: readonly (ModelGroup | TagGroup)[] | undefined
  readonly known: boolean
}

const few = 7

/** Requests that have something in common, those that saved most first. */
export function GroupTable({ title, name, groups, known }: GroupTableProps) {
  const sorted = [...(groups ?? [])].sort((a, b) => b.saved_usd - a.saved_usd || b.requests - a.requests)
  return (
    <Panel title={title} note={groups && groups.length > 0 ? 'most saved first' : undefined}>
      {groups === undefined ? (
        known ? (
          <Locked />
        ) : (
          <Empty>…</Empty>
        )
      ) : sorted.length === 0 ? (
        <Empty>{name === 'tag' ? 'No request was tagged yet.' : 'No request yet.'}</Empty>
      ) : (
        <More items={sorted} few={few}>
          {(shown) => (
            <TableBox title={title}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{name === 'tag' ? 'Tag' : 'Model'}</th>
                    <th scope="col" class="bar-cell">
                      Hit rate
                    </th>
                    <th scope="col">Saved</th>
                    <th scope="col">Cost</th>
                    <th scope="col">Requests</th>
                    <th scope="col">Tokens saved</th>
                    <th scope="col">Time saved</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((group) => (
                    <tr key={nameOf(group)}>
                      <th scope="row">
                        <span class="name" title={nameOf(group)}>
                          {nameOf(group)}
                        </span>
                      </th>
                      <td class="bar-cell">
                        <RateBar share={group.requests === 0 ? undefined : group.hit_rate} />
                      </td>
                      <td class="strong">{dollars(group.saved_usd)}</td>
                      <td>{dollars(group.cost_usd)}</td>
                      <td>{count(group.requests)}</td>
                      <td>{compact(group.saved_tokens)}</td>
                      <td>{span(group.saved_seconds)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </TableBox>
          )}
        </More>
      )}
    </Panel>
  )
}

function nameOf(group: ModelGroup | TagGroup): string {
  return 'model' in group ? group.model : group.tag
}
