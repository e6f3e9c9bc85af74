/** What a caller allows the cache to do, in the words of RFC 9111. */
export interface Mode {
  /** Neither read nor write. */
  readonly noStore?: true
  /** Ask the provider, and store what it says. */
  readonly noCache?: true
  /** Never ask the provider. */
  readonly onlyIfCached?: true
  /** Accept no answer to a request that only means the same. */
  readonly exactOnly?: true
  /** Refuse an entry older than this. */
  readonly maxAgeMs?: number
  /** Accept an entry that has been stale for at most this long. */
  readonly maxStaleMs?: number
}

/** Read and write as configured. */
export const defaultMode: Mode = Object.freeze({})

/** Equal text, equal mode: requests in different modes must not share a call. */
export function modeText(mode: Mode): string {
  if (mode === defaultMode) return ''
  return [
    mode.noStore ? 's' : '',
    mode.noCache ? 'c' : '',
    mode.onlyIfCached ? 'o' : '',
    mode.exactOnly ? 'e' : '',
    mode.maxAgeMs ?? '',
    mode.maxStaleMs ?? ''
  ].join(',')
}
