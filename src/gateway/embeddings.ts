import type { OutgoingHttpHeaders } from 'node:http'
import type { Answer, Origin } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Caller, Context, Handler } from '../core/handler.ts'
import { withBodyControls } from '../doors/controls.ts'
import { withOtherOutcomes } from '../doors/other-outcomes.ts'
import { answerHeaders, outcomeHeaders } from '../doors/outcome.ts'
import { providerHeaders, versionHeaders } from '../doors/request-headers.ts'
import type { Body } from '../wires/body.ts'
import type { EmbeddingRequest } from '../wires/embedding-kind.ts'
import {
  type Embedding,
  type EmbeddingInput,
  inputsOf,
  joinEmbeddings,
  openaiEmbeddings,
  splitEmbeddings
} from '../wires/openai-embeddings.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import { contextOf, type Endpoint, type EndpointTools } from './endpoint.ts'
import { type AskBatch, Gather, shareOf } from './gather.ts'

/** An input of a batch, and how it is asked when the cache does not have it. */
export interface GatheredRequest extends EmbeddingRequest {
  readonly ask: (context: Context) => Promise<Answer<Embedding>>
}

/** The embeddings endpoint: each input is looked up by itself, and the unknown ones are asked in one call. */
export function embeddings(
  one: Handler<GatheredRequest, Embedding>,
  provider: Handler<WireRequest, Body>,
  tools: EndpointTools
): Endpoint {
  return {
    path: openaiEmbeddings.path,
    dialect: openaiEmbeddings.dialect,
    async answer(exchange) {
      const { request, response, raw, query, controls } = exchange
      const content = tools.recall(openaiEmbeddings, raw, query, versionHeaders(request.headers))
      const context = contextOf(exchange, tools, content)
      const inputs = inputsOf(content.json)
      const askBatch = askProvider(content, providerHeaders(request.headers), context, provider)
      const gather = new Gather(inputs.length, askBatch)
      const found = await allOf(inputs.map((input) => askOne(input, content, context, gather, one)))
      const answers = isMixed(found) ? await askedAtOnce(inputs, askBatch, exchange.caller) : found
      const body = Buffer.from(
        JSON.stringify(
          joinEmbeddings(
            answers.map(({ value }) => value),
            content.json
          )
        )
      )
      const headers: OutgoingHttpHeaders = {
        ...batchHeaders(answers),
        'content-type': 'application/json',
        'content-length': body.length
      }
      response.writeHead(200, withOtherOutcomes(headers, withBodyControls(controls, content.cache)))
      response.end(body)
    }
  }
}

/** Looks one input up, and sees to it that the gather hears of it exactly once. */
function askOne(
  input: EmbeddingInput,
  content: WireContent,
  context: Context,
  gather: Gather,
  one: Handler<GatheredRequest, Embedding>
): Promise<Answer<Embedding>> {
  let decided = false
  function decide(): void {
    if (decided) return
    decided = true
    gather.decided()
  }
  const request: GatheredRequest = {
    content,
    input,
    ask(own) {
      // It has been answered from the cache, and is asked anew.
      if (decided) return gather.askLater(input, own)
      decided = true
      return gather.ask(input, own)
    }
  }
  const observed: Context = {
    ...context,
    observe(event) {
      if (event.type === 'joined') decide()
      context.observe(event)
    }
  }
  return one(request, observed).finally(decide)
}

/** Whether vectors of two models stand side by side, which nobody could compare: some known, some by a fallback. */
function isMixed(answers: readonly Answer<Embedding>[]): boolean {
  if (!answers.some(({ origin }) => origin.fallback)) return false
  return new Set(answers.map(({ origin: { provider, model } }) => JSON.stringify([provider, model]))).size > 1
}

/** All of a batch by whoever answers now, past the cache. */
async function askedAtOnce(
  inputs: readonly EmbeddingInput[],
  askBatch: AskBatch,
  caller: Caller
): Promise<readonly Answer<Embedding>[]> {
  const { embeddings: all, origin } = await askBatch(inputs, caller)
  const tokens = all.reduce((sum, embedding) => sum + embedding.tokens, 0)
  return all.map((value) => ({ value, origin: shareOf(origin, value, tokens) }))
}

function askProvider(
  content: WireContent,
  headers: Readonly<Record<string, string>>,
  context: Context,
  provider: Handler<WireRequest, Body>
): AskBatch {
  return async function askBatch(inputs, caller) {
    const every = inputsOf(content.json)
    const asWritten = inputs.length === every.length && inputs.every((input, index) => input === every[index])
    const asked = asWritten
      ? content
      : new WireContent(
          openaiEmbeddings,
          Buffer.from(JSON.stringify({ ...content.json, input: inputs })),
          content.query,
          content.versions
        )
    const { value, origin } = await provider({ content: asked, headers }, { ...context, caller })
    const split = splitIfJson(value, asked)
    if (split === undefined) {
      throw new RepriseError('provider-malformed', 'the provider did not answer each input exactly once')
    }
    return { embeddings: split, origin }
  }
}

function splitIfJson(value: Body, { json }: WireContent): readonly Embedding[] | undefined {
  try {
    return splitEmbeddings(value.json, json)
  } catch {
    return undefined
  }
}

/** Waits for all, so that no answer is left behind unheard, and fails as the first that failed. */
async function allOf<Value>(promises: readonly Promise<Value>[]): Promise<readonly Value[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

function batchHeaders(answers: readonly Answer<Embedding>[]): OutgoingHttpHeaders {
  const origins = answers.map(({ origin }) => origin)
  const hits = origins.filter(({ layer }) => layer !== 'provider')
  const asked = askedTogether(origins)
  const saved = origins.flatMap(({ savedUsd }) => savedUsd ?? [])
  const first = asked ?? hits.reduce((a, b) => ((a.ageMs ?? 0) > (b.ageMs ?? 0) ? a : b))
  // An entry belongs to one input; a batch of several has no one entry to name.
  const { key, ...origin } = first
  const headers = outcomeHeaders(answers.length === 1 ? first : origin)
  const partly = asked !== undefined && hits.length > 0
  return {
    ...(asked?.headers === undefined ? {} : answerHeaders(asked.headers)),
    ...headers,
    ...(partly ? { 'cache-status': `reprise; fwd=partial; detail="${hits.length} of ${answers.length}"` } : {}),
    ...(hits.some(({ stale }) => stale) ? { 'x-reprise-stale': 'true' } : {}),
    ...(saved.length === 0 ? {} : { 'x-reprise-saved-usd': sumOf(saved).toFixed(8) })
  }
}

/** Where those come from that the cache did not have: one call, of which each input has its share of the cost. */
function askedTogether(origins: readonly Origin[]): Origin | undefined {
  const asked = origins.filter(({ layer }) => layer === 'provider')
  // Others are paid by whose call they share.
  const paid = asked.filter(({ joined }) => joined === undefined)
  const [first] = paid
  if (first === undefined) return asked[0]
  const { costUsd, ...origin } = first
  const costs = paid.flatMap((one) => one.costUsd ?? [])
  return costs.length < paid.length ? origin : { ...origin, costUsd: sumOf(costs) }
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
