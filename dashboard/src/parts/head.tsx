import { useEffect, useState } from 'preact/hooks'
import type { Scope } from '../api.ts'
import { relative } from '../format.ts'
import type { Theme } from '../theme.ts'
import type { LiveState } from '../use-live.ts'
import { Choice } from './choice.tsx'

interface HeadProps {
  readonly live: LiveState
  readonly scope: Scope
  readonly onScope: (scope: Scope) => void
  readonly theme: Theme
  readonly onTheme: () => void
  /** Forgets the token; undefined when there is none to forget. */
  readonly onForget: (() => void) | undefined
}

export function Head({ live, scope, onScope, theme, onTheme, onForget }: HeadProps) {
  const health = live.health.state === 'there' ? live.health.said : undefined
  const processes = live.statistics?.scope === 'fleet' ? live.statistics.processes : undefined
  return (
    <header class="top">
      <h1>
        <img src="./icon.svg" alt="" width="22" height="22" /> Reprise
      </h1>
      {health !== undefined && (
        <p class="store-state">
          <span class={`dot ${health.store.state === 'up' ? 'good' : 'bad'}`} aria-hidden="true" />
          <span class="long">{health.store.name}</span> {health.store.state}
          <span class="version">{health.version}</span>
        </p>
      )}
      <Pulse live={live} />
      <Choice
        label="Scope"
        options={[
          { value: 'process', title: 'This process' },
          { value: 'fleet', title: processes === undefined ? 'Fleet' : `Fleet of ${processes}` }
        ]}
        value={scope}
        onChange={onScope}
      />
      {onForget !== undefined && (
        <button type="button" class="quiet lock" title="Forgets the admin token in this tab" onClick={onForget}>
          Lock
        </button>
      )}
      <button
        type="button"
        class="quiet theme"
        aria-label={theme === 'dark' ? 'Light theme' : 'Dark theme'}
        title={theme === 'dark' ? 'Light theme' : 'Dark theme'}
        onClick={onTheme}
      >
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
          <circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor" stroke-width="1.6" />
          <path d="M10 2.5a7.5 7.5 0 0 1 0 15z" fill="currentColor" />
        </svg>
      </button>
    </header>
  )
}

/** Whether what is shown is of now. */
function Pulse({ live: { connection, updatedAtMs } }: { readonly live: LiveState }) {
  const nowMs = useNow()
  if (connection.state === 'away') {
    const wait = Math.max(0, Math.ceil((connection.againAtMs - nowMs) / 1000))
    return (
      <p class="pulse away">
        <span class="dot bad" aria-hidden="true" />
        <span role="alert">{connection.message}</span>{' '}
        <span>
          {wait === 0 ? 'Trying again' : `Trying again in ${wait} s`}
          {updatedAtMs !== undefined && `; as of ${relative(updatedAtMs, nowMs)}`}
        </span>
      </p>
    )
  }
  const live = connection.state === 'live'
  return (
    <p class="pulse">
      <span class={`dot ${live ? 'good beat' : ''}`} aria-hidden="true" />
      <span>
        {live ? `Live, ${relative(updatedAtMs, nowMs)}` : connection.state === 'paused' ? 'Paused' : 'Connecting'}
      </span>
    </p>
  )
}

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  // What has just come in is not older than what the clock last said.
  return Math.max(nowMs, Date.now() - 1000)
}
