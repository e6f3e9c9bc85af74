const width = 120
const height = 36

/** How far apart the lowest and the highest share drawn are, at least: noise shall not look like news. */
const leastRange = 0.3

/** Shares in [0, 1] as a small line without axes; gaps are bridged. */
export function Sparkline({ values }: { readonly values: readonly (number | null)[] }) {
  const points = values
    .map((value, index) => ({ value, x: (index / Math.max(1, values.length - 1)) * width }))
    .filter((point): point is { value: number; x: number } => point.value !== null)
  if (points.length < 2) return null
  const lowest = Math.min(...points.map(({ value }) => value))
  const highest = Math.max(...points.map(({ value }) => value))
  const range = Math.max(leastRange, highest - lowest)
  const floor = Math.max(0, Math.min((lowest + highest - range) / 2, 1 - range))
  const line = points
    .map(({ value, x }) => `${x.toFixed(1)},${(height - 2 - ((value - floor) / range) * (height - 4)).toFixed(1)}`)
    .join(' ')
  const first = points[0]?.x.toFixed(1) ?? 0
  const last = points.at(-1)?.x.toFixed(1) ?? width
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`${first},${height} ${line} ${last},${height}`} />
      <polyline points={line} vector-effect="non-scaling-stroke" />
    </svg>
  )
}
