import type { IncomingMessage } from 'node:http'
import { RepriseError } from '../core/errors.ts'

/** The whole body of a request. @throws RepriseError `body-too-large`, `aborted` */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0)
    if (announced > maxBytes) return reject(tooLarge(announced, maxBytes))
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) {
        request.removeAllListeners('data')
        reject(tooLarge(length, maxBytes))
      } else {
        chunks.push(chunk)
      }
    })
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
    request.on('error', (error) => reject(new RepriseError('aborted', 'the caller has gone', { cause: error })))
  })
}

function tooLarge(bytes: number, maxBytes: number): RepriseError {
  return new RepriseError(
    'body-too-large',
    `the body has ${bytes} bytes or more, and the limit is ${maxBytes} (--max-body)`
  )
}
