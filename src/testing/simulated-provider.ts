import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { AnthropicBatches } from './simulated/anthropic-batches.ts'
import { Batches, type BatchLine, type BatchOptions } from './simulated/batches.ts'
import { chat } from './simulated/chat.ts'
import { textOf } from './simulated/checks.ts'
import { complete } from './simulated/completion.ts'
import { defaultAnswer } from './simulated/default-answer.ts'
import { anthropic, type Dialect, openai } from './simulated/dialects.ts'
import { echo } from './simulated/echo.ts'
import { checkEmbeddings, type Embed, embeddings } from './simulated/embeddings.ts'
import type {
  Completion,
  Endpoint,
  EndpointName,
  Problem,
  Question,
  Reply,
  Spoken,
  Terms
} from './simulated/endpoint.ts'
import { type Fault, FaultQueue, spoilingOf } from './simulated/faults.ts'
import { Making } from './simulated/making.ts'
import { countPrompt, messages } from './simulated/messages.ts'
import { checkPrompt } from './simulated/messages-check.ts'
import { defaultModels, describeModel, goesBy, listModels, noSuchModel } from './simulated/models.ts'
import { OpenaiBatches } from './simulated/openai-batches.ts'
import { type Delay, Pace } from './simulated/pace.ts'
import { responses } from './simulated/responses.ts'
import { type Route, routeOf } from './simulated/route.ts'
import { hashOf, seeded } from './simulated/seeded.ts'
import { type Call, Visit } from './simulated/visit.ts'

export type { BatchLine, BatchOptions, Call, Delay, Embed, EndpointName, Fault, Question, Reply }

/** A paid provider that costs nothing: it speaks the wire of OpenAI and of Anthropic on a real socket. */
export interface SimulatedProvider {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** What OpenAI's SDK calls its base URL. */
  readonly openaiUrl: string
  /** What Anthropic's SDK calls its base URL. */
  readonly anthropicUrl: string
  /** Every request received, oldest first. */
  readonly calls: readonly Call[]
  /** The requests of batches that were answered, oldest first: each is paid for. */
  readonly batched: readonly BatchLine[]
  /** Lets all batches end that have no end of their own yet, and those to come. */
  endBatches(): void
  /** How many requests were received, at one endpoint or in all. */
  count(endpoint?: EndpointName): number
  /** Forgets calls and faults. */
  reset(): void
  /** The next requests meet these faults, one each; `{ every }` is met by all that come after them. */
  fail(...faults: readonly (Fault | { readonly every: Fault })[]): void
  /** Drops all connections and stops listening. */
  close(): Promise<void>
}

export interface Options {
  /** Default: one that is free. */
  readonly port?: number
  /** What the model says; undefined: what it would have said anyway. Default: an answer that follows from the request. */
  readonly answer?: (question: Question) => Reply | undefined | Promise<Reply | undefined>
  /** What a text's vector is. Default: a direction that follows from the text and not from its meaning. */
  readonly embed?: Embed
  /** How long the model takes. Default: no time. */
  readonly delay?: Delay
  /** The accepted API keys. Default: each that is not empty. */
  readonly keys?: readonly string[]
  /** The models there are. Default: all may be asked, and some well-known ones are listed. */
  readonly models?: readonly string[]
  /** What becomes of batches. Default: each has ended, every request answered, when somebody looks. */
  readonly batches?: BatchOptions
  /** How many tokens one piece of a stream carries. Default: 1 to 4, as follows from the request. */
  readonly chunkTokens?: number
  /** Sends streams in network writes of this many bytes, so that events and characters are cut. Default: by events. */
  readonly cut?: number
  /** Refuses fields that the provider does not know, as the real ones do. Default: true. */
  readonly strict?: boolean
  /** Equal requests get equal ids and dates, so that whole answers can be compared. Default: false, new ones each time. */
  readonly repeatable?: boolean
  /** Compresses plain answers for callers that accept gzip. Default: false. */
  readonly compress?: boolean
}

const endpoints: Readonly<Partial<Record<EndpointName, Endpoint>>> = { chat, responses, messages }
const repeatableCreatedS = 1_760_000_000

/**
 * Starts a simulated provider. Endpoints: `POST /v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/messages`,
 * `/v1/messages/count_tokens`, those for files and batches (`/v1/files`, `/v1/batches`, `/v1/messages/batches`), and `GET /v1/models`, `/v1/models/:id`; any other request below `/v1/` is answered with
 * what it was. Requests are validated, refused and answered in the provider's own words, plain or streaming; the same
 * request gets the same words, whether it streams or not. Rejects when the port is taken.
 */
export async function simulatedProvider(options: Options = {}): Promise<SimulatedProvider> {
  const calls: Call[] = []
  const faults = new FaultQueue()
  const provider = randomUUID()
  let received = 0

  const batches = new Batches(options.batches ?? {}, answerLine)
  const openaiBatches = new OpenaiBatches(batches)
  const anthropicBatches = new AnthropicBatches(batches)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await bytesOf(request)
    const route = routeOf(request)
    const body = parsed(bytes)
    received += 1
    const call: Call = {
      endpoint: route?.endpoint ?? 'other',
      method: request.method ?? '',
      path: request.url ?? '',
      model: body === undefined ? undefined : textOf(body['model']) || undefined,
      stream: body?.['stream'] === true,
      body,
      headers: request.headers,
      startedAtMs: Date.now(),
      outcome: 'pending'
    }
    calls.push(call)
    const visit = new Visit(request, response, faults.take(), {
      call,
      dialect: route?.dialect ?? openai,
      ordinal: received,
      salt: options.repeatable ? createHash('sha256').update(bytes).digest('hex') : `${provider} ${received}`,
      compress: options.compress ?? false,
      pieceBytes: options.cut
    })
    try {
      await serve(visit, route, request, bytes, body)
    } catch (error) {
      // JSON that is nested too deep to be walked is the caller's mistake; anything else is that of `answer` or `embed`.
      const status = error instanceof RangeError ? 400 : 500
      visit.refuse({ status, message: messageOf(error), param: null, code: null })
    }
  }

  async function serve(
    visit: Visit,
    route: Route | undefined,
    request: IncomingMessage,
    bytes: Buffer,
    body: JsonObject | undefined
  ): Promise<void> {
    const { fault } = visit
    if (fault === 'hang') return
    if (typeof fault === 'object' && 'status' in fault) return visit.refuseWith(fault)
    if (route === undefined) {
      const message = `Invalid URL (${request.method} ${request.url})`
      return visit.refuse({ status: 404, message, param: null, code: null })
    }
    const refused = route.dialect.refuse(request.headers, options.keys)
    if (refused !== undefined) return visit.refuse(refused)
    if (route.endpoint === 'other') return visit.json(echo(request, route.url, bytes))
    if (route.endpoint === 'models') return showModels(visit, route)
    const exchange = { method: request.method ?? '', url: route.url, headers: request.headers, bytes, body, base: url }
    if (route.endpoint === 'message-batches') return anthropicBatches.answer(visit, exchange)
    if (route.endpoint === 'files' || route.endpoint === 'batches') return openaiBatches.answer(visit, exchange)
    if (body === undefined) return visit.refuse(unreadable)
    const version = String(request.headers['anthropic-version'] ?? '')
    const problem = check(route.endpoint, body, { strict: options.strict ?? true, version })
    if (problem !== undefined) return visit.refuse(problem)
    const endpoint = endpoints[route.endpoint]
    if (endpoint !== undefined) return generate(visit, endpoint, body)
    await new Pace(options.delay, seeded('pace'), visit.signal).begin()
    return visit.json(route.endpoint === 'embeddings' ? embeddings(body, options.embed) : countPrompt(body))
  }

  function check(name: EndpointName, body: JsonObject, terms: Terms): Problem | undefined {
    const problem =
      endpoints[name]?.check(body, terms) ??
      (name === 'embeddings' ? checkEmbeddings(body, terms) : undefined) ??
      (name === 'count-tokens' ? checkPrompt(body, terms) : undefined)
    const model = textOf(body['model'])
    const known = options.models === undefined || goesBy(options.models, model)
    return problem ?? (known ? undefined : noSuchModel(model, dialectFor(name).name))
  }

  /** A request of a batch, as it would be answered alone. */
  async function answerLine({ batch, customId, endpoint: name, body }: BatchLine) {
    const problem = check(name, body, { strict: options.strict ?? true, version: '2023-06-01' })
    if (problem !== undefined) {
      const status = problem.status ?? 400
      return { status, body: dialectFor(name).error(status, problem, `req_${customId}`) }
    }
    const endpoint = endpoints[name]
    if (endpoint === undefined) return { status: 200, body: embeddings(body, options.embed) }
    return { status: 200, body: (await spoken(endpoint, body, 'none', `${batch} ${customId}`)).body }
  }

  async function showModels(visit: Visit, route: Route): Promise<void> {
    const models = options.models ?? defaultModels
    const { name } = route.dialect
    if (route.model === undefined) return visit.json(listModels(models, name))
    if (goesBy(models, route.model)) return visit.json(describeModel(route.model, name))
    return visit.refuse(noSuchModel(route.model, name))
  }

  /** What the model says. */
  async function spoken(endpoint: Endpoint, body: JsonObject, fault: Fault, salt: string): Promise<Spoken> {
    const hash = questionOf(endpoint, body)
    const wishes = endpoint.wishes(body)
    const completions: Completion[] = []
    for (let choice = 0; choice < wishes.choices; choice++) {
      const { lastUserText } = wishes
      const question = { endpoint: endpoint.name, model: textOf(body['model']), lastUserText, body, choice }
      const reply = (await options.answer?.(question)) ?? defaultAnswer(question, wishes, hash)
      completions.push(complete(reply, wishes, spoilingOf(fault)))
    }
    const making = new Making({
      question: hash,
      call: options.repeatable ? '' : salt,
      createdS: options.repeatable ? repeatableCreatedS : Math.floor(Date.now() / 1000),
      chunkTokens: options.chunkTokens
    })
    return endpoint.speak(body, completions, making)
  }

  async function generate(visit: Visit, endpoint: Endpoint, body: JsonObject): Promise<void> {
    const said = await spoken(endpoint, body, visit.fault, visit.salt)
    const pace = new Pace(options.delay, seeded(`pace ${questionOf(endpoint, body)}`), visit.signal)
    await pace.begin()
    if (body['stream'] === true) return visit.stream(said, pace)
    await pace.tokens(said.outputTokens)
    if (visit.fault !== 'stream-error') return visit.json(said.body)
    if (said.failed === undefined) visit.refuseWith({ status: 500 })
    else visit.failed(said.failed)
  }

  const server = createServer((request, response) => {
    // Only a caller who leaves while still sending gets here; there is nobody left to be told.
    handle(request, response).catch(() => response.destroy())
  })
  // A provider's connections outlive a client's pauses; a client must never meet one that is just being closed.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`

  return {
    url,
    openaiUrl: `${url}/v1`,
    anthropicUrl: url,
    calls,
    batched: batches.answered,
    endBatches: () => batches.end(),
    count: (endpoint) =>
      endpoint === undefined ? calls.length : calls.filter((call) => call.endpoint === endpoint).length,
    reset() {
      calls.length = 0
      batches.answered.length = 0
      faults.clear()
    },
    fail: (...given) => faults.add(...given),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

/** A hash of what is asked: how an answer is delivered does not change what it says. */
function questionOf(endpoint: Endpoint, { stream: _, stream_options: __, ...asked }: JsonObject): string {
  return hashOf({ endpoint: endpoint.name, body: asked })
}

function dialectFor(name: EndpointName): Dialect {
  return name === 'messages' || name === 'count-tokens' ? anthropic : openai
}

const unreadable: Problem = {
  message:
    'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON.)',
  param: null,
  code: null
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
