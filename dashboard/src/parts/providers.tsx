import type { Providers as Said, Statistics } from '../api.ts'
import { count, dollars, millis, moment, relative } from '../format.ts'
import { type ProviderRow, providerRows } from '../provider-rows.ts'
import type { Part } from '../use-live.ts'
import { Empty, Locked, Panel } from './panel.tsx'
import { TableBox } from './table-box.tsx'

interface ProvidersProps {
  readonly statistics: Statistics | undefined
  readonly health: Part<Said>
}

/** Who is asked, and the parts of the cache that have failed. */
export function Providers({ statistics, health }: ProvidersProps) {
  const said = health.state === 'there' ? health.said : undefined
  const rows = statistics === undefined ? [] : providerRows(statistics, said)
  return (
    <Panel
      title="Providers"
      note={rows.length > 0 ? 'calls and times of each provider, the rest of each target' : undefined}
    >
      {statistics === undefined ? (
        <Empty>…</Empty>
      ) : rows.length === 0 ? (
        <Empty>No provider was asked yet.</Empty>
      ) : (
        <TableBox title="Providers">
          <table>
            <thead>
              <tr>
                <th scope="col">Provider</th>
                <th scope="col" class="left">
                  State
                </th>
                <th scope="col">Calls</th>
                <th scope="col">Failed</th>
                <th scope="col" title="Half of the calls within">
                  p50
                </th>
                <th scope="col" title="19 of 20 calls within">
                  p95
                </th>
                <th scope="col">Retried</th>
                <th scope="col">Skipped</th>
                <th scope="col">Fell back</th>
                <th scope="col">Cost</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={`${row.leads} ${row.name}`} row={row} />
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
      {health.state === 'failed' && <Empty>{health.message}</Empty>}
      {statistics !== undefined && <Parts statistics={statistics} health={health} />}
    </Panel>
  )
}

function Row({ row }: { readonly row: ProviderRow }) {
  return (
    <tr class={row.leads ? '' : 'under'}>
      <th scope="row">
        <span class="name" title={row.name}>
          {row.name}
        </span>
      </th>
      <td class="left">
        <State row={row} />
      </td>
      <td>{row.leads ? count(row.ok === undefined ? undefined : row.ok + (row.failed ?? 0)) : ''}</td>
      <td class={row.failed ? 'bad' : ''}>{row.leads ? count(row.failed) : ''}</td>
      <td>{row.leads ? millis(row.p50Ms) : ''}</td>
      <td>{row.leads ? millis(row.p95Ms) : ''}</td>
      <td>{count(row.retried)}</td>
      <td title={row.skippedWhy || undefined}>{count(row.skipped)}</td>
      <td>{count(row.fellBack)}</td>
      <td class="strong" title={row.unpriced > 0 ? `${count(row.unpriced)} calls without a price` : undefined}>
        {dollars(row.costUsd)}
        {row.unpriced > 0 && <span class="muted"> +?</span>}
      </td>
    </tr>
  )
}

function State({ row: { state, leftOutUntil } }: { readonly row: ProviderRow }) {
  // Of what has no route nothing is said: it is never left out.
  if (state === undefined) return null
  if (state === 'up') return <span class="badge good">up</span>
  return (
    <span class="badge bad" title={leftOutUntil && moment(leftOutUntil)}>
      left out{leftOutUntil !== undefined && `, back ${relative(leftOutUntil)}`}
    </span>
  )
}

function Parts({ statistics, health }: { readonly statistics: Statistics; readonly health: Part<Said> }) {
  const failures = Object.entries(statistics.failures).map(
    ([part, operations]) =>
      [part, Object.entries(operations).map(([operation, times]) => `${operation} ${count(times)}`)] as const
  )
  const states = health.state === 'there' ? health.said.parts : []
  const names = [...new Set([...states.map(({ part }) => part), ...failures.map(([part]) => part)])]
  return (
    <div class="parts">
      <h3>Parts of the cache</h3>
      {health.state === 'locked' && <Locked />}
      {names.length === 0 && health.state !== 'locked' && <p class="note">None has failed.</p>}
      <ul class="chips">
        {names.map((name) => {
          const state = states.find(({ part }) => part === name)?.state
          const failed = failures.find(([part]) => part === name)?.[1] ?? []
          return (
            <li key={name}>
              {state !== undefined && <span class={`dot ${state === 'up' ? 'good' : 'bad'}`} aria-hidden="true" />}
              {name} {state !== undefined && <strong>{state}</strong>}
              {failed.length > 0 && <span class="bad">failed: {failed.join(', ')}</span>}
            </li>
          )
        })}
      </ul>
    </div>
  )
}
