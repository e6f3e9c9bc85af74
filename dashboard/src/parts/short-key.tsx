/** A key as people can compare it: kind, model, and the beginning of the hash. */
export function ShortKey({ entryKey }: { readonly entryKey: string }) {
  const parts = entryKey.split(':')
  const hash = parts.length > 1 ? (parts.at(-1) ?? '') : ''
  const name = hash === '' ? entryKey : parts.slice(0, -1).join(':')
  return (
    <span class="key">
      <span class="name">{name}</span>
      {hash !== '' && <span class="hash">{hash.slice(0, 8)}</span>}
    </span>
  )
}
