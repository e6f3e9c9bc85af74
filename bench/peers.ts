import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

// What the gateway is measured against, as a process of its own: `constant` is the limit of node:http itself,
// `proxy` the least that any gateway must do on a miss, `provider` answers both at once with 1.5 KB.

const answer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'gpt-4o-mini',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'A cache keeps what was said before. '.repeat(36).trim(),
          refusal: null
        },
        logprobs: null,
        finish_reason: 'stop'
      }
    ],
    usage: { prompt_tokens: 400, completion_tokens: 290, total_tokens: 690 }
  })
)
const headers = { 'content-type': 'application/json', 'content-length': answer.length }
const [role, target] = process.argv.slice(2)
const pool = target === undefined ? undefined : new Pool(target, { connections: 256 })

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (role !== 'proxy' || pool === undefined) {
      response.writeHead(200, headers)
      response.end(answer)
      return
    }
    const { authorization = '', 'content-type': type = '' } = request.headers
    pool
      .request({
        method: 'POST',
        path: request.url ?? '/',
        headers: { authorization, 'content-type': type },
        body: Buffer.concat(chunks)
      })
      .then(async ({ statusCode, body }) => {
        const bytes = Buffer.from(await body.arrayBuffer())
        response.writeHead(statusCode, { 'content-type': 'application/json', 'content-length': bytes.length })
        response.end(bytes)
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
