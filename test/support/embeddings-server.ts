import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What an embeddings endpoint was asked. */
export interface EmbeddingsCall {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>> & { readonly input: readonly string[] }
}

/** A status, headers and a body instead of vectors; `hang`: nothing at all. */
export type EmbeddingsReply =
  | 'hang'
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string }

export interface EmbeddingsServer {
  readonly url: string
  readonly calls: EmbeddingsCall[]
  /** What the next requests are answered with, instead of vectors. */
  next(...replies: readonly EmbeddingsReply[]): void
  /** Resolves when one more request has come. */
  asked(): Promise<void>
  close(): Promise<void>
}

export interface EmbeddingsOptions {
  /** What a text's vector is. Default: sixteen numbers that follow from its characters. */
  readonly embed?: (text: string) => readonly number[]
  /** Answers with lists of numbers, whatever it is asked for. Default: false. */
  readonly lists?: boolean
}

/** An endpoint that speaks the wire of embeddings and refuses nothing: what it is asked is for the test to see. */
export async function embeddingsServer({
  embed = spelled,
  lists = false
}: EmbeddingsOptions = {}): Promise<EmbeddingsServer> {
  const calls: EmbeddingsCall[] = []
  const replies: EmbeddingsReply[] = []
  let tell: () => void = () => {}
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = JSON.parse(Buffer.concat(parts).toString()) as EmbeddingsCall['body']
    calls.push({ path: request.url ?? '', headers: request.headers, body })
    tell()
    const reply = replies.shift()
    if (reply === 'hang') return
    if (reply !== undefined) {
      response.writeHead(reply.status ?? 200, reply.headers).end(reply.body)
      return
    }
    const data = body.input.map((text, index) => {
      const vector = embed(text)
      const base64 = Buffer.from(Float32Array.from(vector).buffer).toString('base64')
      return { object: 'embedding', index, embedding: body['encoding_format'] === 'base64' && !lists ? base64 : vector }
    })
    // Not in their order: the index says what belongs where.
    response.end(
      JSON.stringify({ object: 'list', data: data.reverse(), model: body['model'], usage: { total_tokens: 1 } })
    )
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    next: (...given) => replies.push(...given),
    asked: () =>
      new Promise((resolve) => {
        tell = resolve
      }),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

/** Not of length one, so that somebody must see to that. */
function spelled(text: string): readonly number[] {
  return Array.from({ length: 16 }, (_, column) =>
    [...text].reduce(
      (sum, character, place) => sum + Math.sin((character.codePointAt(0) ?? 0) * (column + 1) + place),
      0.1
    )
  )
}
