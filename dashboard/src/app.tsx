import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { Range, Scope } from './api.ts'
import { client as clientFor } from './client.ts'
import { DeskContext } from './desk.ts'
import { Budgets } from './parts/budgets.tsx'
import { Charts } from './parts/charts.tsx'
import { Entries } from './parts/entries.tsx'
import { EntryDialog } from './parts/entry-dialog.tsx'
import { Figures } from './parts/figures.tsx'
import { GroupTable } from './parts/group-table.tsx'
import { Head } from './parts/head.tsx'
import { Invalidate } from './parts/invalidate.tsx'
import { Layers } from './parts/layers.tsx'
import { NearMisses } from './parts/near-misses.tsx'
import { Providers } from './parts/providers.tsx'
import { StoreSize } from './parts/store-size.tsx'
import { Switches } from './parts/switches.tsx'
import { TokenForm, tokenFieldId } from './parts/token-form.tsx'
import { TopEntries } from './parts/top-entries.tsx'
import { seriesOf } from './series.ts'
import { useTheme } from './theme.ts'
import { keepToken, readToken } from './token.ts'
import { useLive } from './use-live.ts'

export function App() {
  const [theme, toggleTheme] = useTheme()
  const [scope, setScope] = useState<Scope>('process')
  const [range, setRange] = useState<Range>('hour')
  const [token, setToken] = useState(readToken)
  const [opened, setOpened] = useState<string>()
  const client = useMemo(() => clientFor(token), [token])
  const live = useLive(client, scope, range)
  const { statistics, history, refresh } = live
  const series = useMemo(() => history && seriesOf(history, range, Date.now()), [history, range])
  const locked = live.refused !== undefined
  const askForToken = useCallback(() => document.getElementById(tokenFieldId)?.focus(), [])
  const desk = useMemo(() => ({ client, openEntry: setOpened, refresh, askForToken }), [client, refresh, askForToken])
  useEffect(() => {
    document.title = statistics ? `${(statistics.combined_hit_rate * 100).toFixed(0)} % · Reprise` : 'Reprise'
  }, [statistics])
  const useToken = (said: string | undefined) => {
    keepToken(said)
    setToken(said)
  }

  return (
    <DeskContext.Provider value={desk}>
      <Head
        live={live}
        scope={scope}
        onScope={setScope}
        theme={theme}
        onTheme={toggleTheme}
        onForget={token === undefined || live.refused ? undefined : () => useToken(undefined)}
      />
      <main>
        {live.refused && <TokenForm shown={token !== undefined} why={live.refused.why} onToken={useToken} />}
        <Figures statistics={statistics} series={series} scope={scope} />
        <Charts series={series} range={range} onRange={setRange} theme={theme} scope={scope} />
        <div class="row wide-left">
          <Providers statistics={statistics} health={live.providers} />
          <div class="column">
            <Budgets budgets={live.budgets} />
            <StoreSize store={live.store} />
          </div>
        </div>
        <div class="row halves wide-tables">
          <GroupTable title="By model" name="model" groups={statistics?.by_model} known={statistics !== undefined} />
          <GroupTable title="By tag" name="tag" groups={statistics?.by_tag} known={statistics !== undefined} />
        </div>
        <Layers statistics={statistics} />
        <div class="row halves">
          <TopEntries entries={statistics?.top_entries} known={statistics !== undefined} />
          <NearMisses misses={statistics?.near_misses} statistics={statistics} />
        </div>
        <div class="row wide-left">
          <Entries locked={locked} />
          <div class="column">
            <Invalidate locked={locked} />
            <Switches switches={live.switches} />
          </div>
        </div>
      </main>
      {opened !== undefined && <EntryDialog entryKey={opened} onClose={() => setOpened(undefined)} />}
    </DeskContext.Provider>
  )
}
