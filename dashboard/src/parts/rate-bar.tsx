import { percent } from '../format.ts'

/** A share as a small bar with its figure; undefined: there was nothing to have a share of. */
export function RateBar({ share }: { readonly share: number | undefined }) {
  const width = `${Math.max(0, Math.min(1, share ?? 0)) * 100}%`
  return (
    <span class="rate">
      <span class="rate-figure">{percent(share)}</span>
      <span class="rate-track" aria-hidden="true">
        <span class="rate-fill" style={{ width }} />
      </span>
    </span>
  )
}
