import type { LayerStatistics, Statistics } from '../api.ts'
import { count, dollars } from '../format.ts'
import { layerName, layersOf } from '../layer-names.ts'
import { Empty, Panel } from './panel.tsx'
import { RateBar } from './rate-bar.tsx'
import { TableBox } from './table-box.tsx'

export function Layers({ statistics }: { readonly statistics: Statistics | undefined }) {
  const layers = statistics === undefined ? [] : layersOf(statistics)
  return (
    <Panel title="Layers" note="each lookup is a hit, a miss or a bypass">
      {layers.length === 0 ? (
        <Empty>…</Empty>
      ) : (
        <TableBox title="Layers">
          <table class="even">
            <thead>
              <tr>
                <th scope="col">Layer</th>
                <th scope="col" class="bar-cell">
                  Hit rate
                </th>
                <th scope="col">Lookups</th>
                <th scope="col">Hits</th>
                <th scope="col">Stale</th>
                <th scope="col">Misses</th>
                <th scope="col">Bypassed</th>
                <th scope="col">Written</th>
                <th scope="col">Not stored</th>
                <th scope="col">Invalidated</th>
                <th scope="col">In need</th>
                <th scope="col">Errors</th>
                <th scope="col">Saved</th>
              </tr>
            </thead>
            <tbody>
              {layers.map((layer) => (
                <Row key={layer.cache_layer} layer={layer} />
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
    </Panel>
  )
}

function Row({ layer }: { readonly layer: LayerStatistics }) {
  const { title, colour } = layerName(layer.cache_layer)
  const judged = layer.total_hits + layer.total_misses
  return (
    <tr class={judged + (layer.total_bypasses ?? 0) === 0 && !layer.saved_usd ? 'idle' : ''}>
      <th scope="row">
        <span class="swatch" style={{ background: `var(${colour})` }} aria-hidden="true" />
        {title} <code class="muted">{layer.cache_layer === title ? '' : layer.cache_layer}</code>
      </th>
      <td class="bar-cell">
        <RateBar share={judged === 0 ? undefined : layer.hit_rate} />
      </td>
      <td>{count(layer.total_lookups)}</td>
      <td>{count(layer.total_hits)}</td>
      <td>{count(layer.total_stale_hits)}</td>
      <td>{count(layer.total_misses)}</td>
      <td title={reasons(layer.bypass_reasons)}>{count(layer.total_bypasses)}</td>
      <td>{count(layer.total_writes)}</td>
      <td title={reasons(layer.refused)}>{count(layer.refused && sum(layer.refused))}</td>
      <td>{count(layer.total_invalidations)}</td>
      <td>{count(layer.total_rescued)}</td>
      <td class={layer.total_errors > 0 ? 'bad' : ''}>{count(layer.total_errors)}</td>
      <td class="strong">{dollars(layer.saved_usd)}</td>
    </tr>
  )
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, one) => total + one, 0)
}

function reasons(counts: Readonly<Record<string, number>> | undefined): string | undefined {
  const said = Object.entries(counts ?? {}).map(([reason, times]) => `${reason}: ${count(times)}`)
  return said.length === 0 ? undefined : said.join('\n')
}
