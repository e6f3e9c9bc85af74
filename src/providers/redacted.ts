/**
 * What a provider says, without the operator's own keys: some repeat in an error what they were sent, and its caller is
 * not to learn it. `secrets` are headers' values, a scheme such as `Bearer` before them.
 */
export function redacted(bytes: Uint8Array, secrets: readonly string[]): Uint8Array {
  const keys = secrets.map((value) => value.replace(/^\w+ +/, '')).filter((key) => key.length >= shortest)
  if (keys.length === 0) return bytes
  const text = Buffer.from(bytes).toString()
  if (!keys.some((key) => text.includes(key))) return bytes
  return Buffer.from(keys.reduce((rest, key) => rest.replaceAll(key, '***'), text))
}

/** Shorter ones are words that stand in any text. */
const shortest = 4
