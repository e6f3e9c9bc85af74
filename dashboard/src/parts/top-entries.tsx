import type { TopEntry } from '../api.ts'
import { useDesk } from '../desk.ts'
import { count, dollars, relative, span } from '../format.ts'
import { More } from './more.tsx'
import { Empty, Locked, Panel } from './panel.tsx'
import { ShortKey } from './short-key.tsx'
import { TableBox } from './table-box.tsx'

interface TopEntriesProps {
  readonly entries: readonly TopEntry[] | undefined
  readonly known: boolean
}

export function TopEntries({ entries, known }: TopEntriesProps) {
  const { openEntry } = useDesk()
  return (
    <Panel title="Top entries" note={entries && entries.length > 0 ? 'most saved first' : undefined}>
      {entries === undefined ? (
        known ? (
          <Locked />
        ) : (
          <Empty>…</Empty>
        )
      ) : entries.length === 0 ? (
        <Empty>No entry has answered yet.</Empty>
      ) : (
        <More items={entries} few={10}>
          {(shown) => (
            <TableBox title="Top entries">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Entry</th>
                    <th scope="col">Hits</th>
                    <th scope="col">Saved</th>
                    <th scope="col">Time saved</th>
                    <th scope="col">Last hit</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((entry) => (
                    <tr key={entry.key}>
                      <th scope="row">
                        <button type="button" class="link" title={entry.key} onClick={() => openEntry(entry.key)}>
                          {entry.text ? <span class="asked">{entry.text}</span> : <ShortKey entryKey={entry.key} />}
                        </button>
                      </th>
                      <td>{count(entry.hits)}</td>
                      <td class="strong">{dollars(entry.saved_usd)}</td>
                      <td>{span(entry.saved_seconds)}</td>
                      <td>{relative(entry.last_hit)}</td>
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
