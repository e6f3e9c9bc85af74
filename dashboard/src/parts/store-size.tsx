import type { StoreSize as Said } from '../api.ts'
import { bytes, count, percent } from '../format.ts'
import type { Part } from '../use-live.ts'
import { Panel, With } from './panel.tsx'

export function StoreSize({ store }: { readonly store: Part<Said> }) {
  return (
    <Panel title="Store" note={store.state === 'there' ? <StoreName said={store.said} /> : undefined}>
      <With part={store}>
        {({ entries, bytes: size, maxBytes }) => (
          <ul class="bars">
            <li>
              <p class="bar-line">
                <strong>
                  {entries === null
                    ? 'Entries not counted'
                    : `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}`}
                </strong>
                <span class="figures-right">
                  {bytes(size)} {maxBytes !== null && <span class="muted">of {bytes(maxBytes)}</span>}
                </span>
              </p>
              {size !== null && maxBytes !== null && maxBytes > 0 && (
                <span class="bar" role="img" aria-label={`${percent(size / maxBytes, 0)} full`}>
                  <span class="bar-fill good" style={{ width: `${Math.min(1, size / maxBytes) * 100}%` }} />
                </span>
              )}
            </li>
          </ul>
        )}
      </With>
    </Panel>
  )
}

function StoreName({ said }: { readonly said: Said }) {
  return (
    <>
      <span class="long">{said.name}</span> <span class={said.state === 'up' ? 'good' : 'bad'}>{said.state}</span>
    </>
  )
}
