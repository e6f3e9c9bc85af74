/** Headers that concern one connection only and must not be passed on (RFC 9110, 7.6.1), and those that change with the body. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** The headers that may be passed on. `connection` may name further ones that may not. */
export function withoutHopByHop(headers: Headers): Record<string, string | string[]> {
  const named = String(headers['connection'] ?? '')
    .toLowerCase()
    .split(/\s*,\s*/)
  const kept: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || named.includes(name)) continue
    kept[name] = typeof value === 'string' ? value : [...value]
  }
  return kept
}
