import type { IncomingMessage } from 'node:http'
import { anthropicDialect, type Dialect, openaiDialect } from '../wires/dialect.ts'

/** Both providers live under /v1: whose SDK is speaking? `path` is what comes below. */
export function dialectOf({ headers }: Pick<IncomingMessage, 'headers'>, path: string): Dialect {
  const anthropic = path.startsWith('/messages') || path === '/complete' || headers['anthropic-version'] !== undefined
  return anthropic ? anthropicDialect : openaiDialect
}
