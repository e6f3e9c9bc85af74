import type { IncomingMessage } from 'node:http'
import { RepriseError } from '../core/errors.ts'

/**
 * Reads the whole body of a request. Calls back with the body or with `body-too-large`, at once when the last byte is
 * there and not a promise's turn later: a hit is answered within the same turn. Never calls back when the caller goes
 * before it has said everything; there is nobody to answer then.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (error: RepriseError | undefined, body: Buffer) => void
): void {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) {
    done(tooLarge(announced, maxBytes), nothing)
    return
  }
  const chunks: Buffer[] = []
  let length = 0
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length <= maxBytes) {
      chunks.push(chunk)
      return
    }
    request.removeAllListeners('data').removeAllListeners('end')
    done(tooLarge(length, maxBytes), nothing)
  })
  request.on('end', () => {
    const [first = nothing] = chunks
    done(undefined, chunks.length === 1 ? first : Buffer.concat(chunks))
  })
}

const nothing = Buffer.alloc(0)

function tooLarge(bytes: number, maxBytes: number): RepriseError {
  return new RepriseError(
    'body-too-large',
    `the body has ${bytes} bytes or more, and the limit is ${maxBytes} (--max-body)`
  )
}
