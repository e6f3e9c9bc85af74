import { crc32 } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import type { Wire } from '../wires/wire.ts'
import { WireContent } from '../wires/wire-request.ts'

/** Remembers what bodies say, so that one that comes again, byte for byte, need not be parsed and keyed again. */
export type Recall = (wire: Wire, raw: Buffer, query: string, versions: Readonly<Record<string, string>>) => WireContent

/** A parsed body takes several times its text; what is dropped is only parsed again. */
const parsedFactor = 4
const overheadBytes = 2048

/** Bodies above this are parsed each time: they are few, and would push many small ones out. */
const largestBytes = 256 * 1024

/** @param maxBytes the memory to use at most, as estimated. Default: 64 MB. */
export function recallBodies(maxBytes = 64 * 1024 ** 2): Recall {
  // Found by checksum, which is quickly made, and taken only when all bytes are the same: those that came, of which
  // the content may have left some out.
  const known = new LRUCache<number, Recalled>({
    max: Math.ceil(maxBytes / overheadBytes),
    maxSize: maxBytes,
    sizeCalculation: ({ raw }) => raw.length * parsedFactor + overheadBytes
  })
  return function recall(wire, raw, query, versions) {
    if (raw.length > largestBytes) return new WireContent(wire, raw, query, versions)
    const id = crc32(raw)
    const found = known.get(id)
    if (found?.raw.equals(raw)) {
      const { content } = found
      if (content.wire === wire && content.query === query && same(content.versions, versions)) return content
    }
    const content = new WireContent(wire, raw, query, versions)
    known.set(id, { raw, content })
    return content
  }
}

interface Recalled {
  readonly raw: Buffer
  readonly content: WireContent
}

function same(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true
  for (const name in a) if (a[name] !== b[name]) return false
  for (const name in b) if (!(name in a)) return false
  return true
}
