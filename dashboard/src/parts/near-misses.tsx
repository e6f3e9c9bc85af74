import type { Counts, NearMiss, Statistics } from '../api.ts'
import { useDesk } from '../desk.ts'
import { count, relative } from '../format.ts'
import { layersOf } from '../layer-names.ts'
import { type Run, wordDiff } from '../word-diff.ts'
import { More } from './more.tsx'
import { Empty, Locked, Panel } from './panel.tsx'

interface NearMissesProps {
  readonly misses: readonly NearMiss[] | undefined
  readonly statistics: Statistics | undefined
}

/** Requests that were near an entry and refused: what the guards are tuned with. */
export function NearMisses({ misses, statistics }: NearMissesProps) {
  return (
    <Panel title="Near misses" note="similar, and a guard said no">
      {statistics !== undefined && <Guards refuted={refutedBy(statistics)} />}
      {misses === undefined ? (
        statistics === undefined ? (
          <Empty>…</Empty>
        ) : (
          <Locked />
        )
      ) : misses.length === 0 ? (
        <Empty>Nothing was near and refused yet.</Empty>
      ) : (
        <More items={misses} few={3}>
          {(shown) => (
            <ul class="near">
              {shown.map((miss) => (
                <Near key={`${miss.at} ${miss.key} ${miss.text}`} miss={miss} />
              ))}
            </ul>
          )}
        </More>
      )}
    </Panel>
  )
}

function Guards({ refuted }: { readonly refuted: Counts }) {
  const guards = Object.entries(refuted).sort(([, a], [, b]) => b - a)
  if (guards.length === 0) return null
  return (
    <ul class="chips" aria-label="Refused by guard">
      {guards.map(([guard, times]) => (
        <li key={guard}>
          {guard} <strong>{count(times)}</strong>
        </li>
      ))}
    </ul>
  )
}

function refutedBy(statistics: Statistics): Counts {
  const sums = new Map<string, number>()
  for (const layer of layersOf(statistics)) {
    for (const [guard, times] of Object.entries(layer.refuted_by_guard ?? {})) {
      sums.set(guard, (sums.get(guard) ?? 0) + times)
    }
  }
  return Object.fromEntries(sums)
}

function Near({ miss }: { readonly miss: NearMiss }) {
  const { openEntry } = useDesk()
  const known = typeof miss.entry_text === 'string'
  const [asked, answered] = known
    ? wordDiff(miss.text, miss.entry_text ?? '')
    : [[{ text: miss.text, differs: false }], []]
  return (
    <li>
      <p class="near-head">
        <strong class="similarity" title="Similarity">
          {miss.similarity.toFixed(3)}
        </strong>
        <span class="badge">{miss.by}</span>
        <span class="near-reason">{miss.reason}</span>
        <span class="note">{relative(miss.at)}</span>
      </p>
      <dl class="pair">
        <dt>asked</dt>
        <dd>
          <Marked runs={asked} />
        </dd>
        <dt>
          <button type="button" class="link" title={miss.key} onClick={() => openEntry(miss.key)}>
            entry
          </button>
        </dt>
        <dd>{known ? <Marked runs={answered} /> : <span class="muted">Its text is not known.</span>}</dd>
      </dl>
    </li>
  )
}

function Marked({ runs }: { readonly runs: readonly Run[] }) {
  return (
    <>
      {runs.map(({ text, differs }, index) => {
        // A run has no other name than its place.
        const place = `${index}`
        return differs ? <mark key={place}>{text}</mark> : <span key={place}>{text}</span>
      })}
    </>
  )
}
