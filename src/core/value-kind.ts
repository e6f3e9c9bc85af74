import type { Json } from './json.ts'
import type { Kind } from './kind.ts'

/** A value of the application's own, under a name of its own. */
export interface ValueRequest {
  readonly key: string
  readonly compute: () => Json | Promise<Json>
}

/** Any JSON value, `null`, `""` and `0` included: what is there is a hit, whatever it is. */
export const valueKind: Kind<ValueRequest, Json> = {
  name: 'value',
  identity: ({ key }) => key,
  bypass: () => undefined,
  // The readable part of the entry's key, so that values can be invalidated by a prefix of their name.
  model: ({ key }) => key,
  storable: (value) => value !== undefined,
  usage: () => undefined,
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
}
