import type { Together } from '../core/batching.ts'
import type { Body } from '../wires/body.ts'
import { llmBatching } from '../wires/llm-batching.ts'
import type { Wire } from '../wires/wire.ts'
import type { WireRequest } from '../wires/wire-request.ts'
import type { Router } from './router.ts'
import { countTokens } from './token-count.ts'

/** How a router is asked several requests in one call; undefined: not at all, on that wire. */
export function togetherBy(
  { readsTags, wayOf }: Pick<Router, 'readsTags' | 'wayOf'>,
  wire: Wire
): Together<WireRequest, Body> | undefined {
  const batching = llmBatching(wire, { countTokens })
  return (
    batching && {
      batching,
      ...(readsTags ? {} : { tagsThatMatter: () => [] }),
      wayOf: ({ content }, context) => wayOf(content, context)
    }
  )
}
