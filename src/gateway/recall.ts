import { hash } from 'node:crypto'
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
  const known = new LRUCache<string, WireContent>({
    max: Math.ceil(maxBytes / overheadBytes),
    maxSize: maxBytes,
    sizeCalculation: ({ raw }) => raw.length * parsedFactor + overheadBytes
  })
  return function recall(wire, raw, query, versions) {
    if (raw.length > largestBytes) return new WireContent(wire, raw, query, versions)
    const id = `${wire.name} ${JSON.stringify(versions)} ${query} ${hash('sha256', raw, 'base64')}`
    let content = known.get(id)
    if (content === undefined) {
      content = new WireContent(wire, raw, query, versions)
      known.set(id, content)
    }
    return content
  }
}
