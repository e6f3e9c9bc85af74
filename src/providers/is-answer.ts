import type { Body } from '../wires/body.ts'
import type { WireContent } from '../wires/wire-request.ts'

/**
 * Whether what a provider said with a good status answers the request at all: a JSON object in which the request's wire
 * sees an answer, and not the report of a failure. An answer that is cut off, filtered or empty is one.
 */
export function isAnswer({ wire }: WireContent, body: Body): boolean {
  try {
    const unfit = wire.unfit(body.json)
    return unfit !== 'malformed' && unfit !== 'failed'
  } catch {
    return false
  }
}
