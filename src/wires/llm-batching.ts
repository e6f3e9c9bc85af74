import { hash } from 'node:crypto'
import type { Answer } from '../core/answer.ts'
import type { Batching, Combined, Part } from '../core/batching.ts'
import type { JsonObject } from '../core/json.ts'
import { canonical } from '../core/key.ts'
import type { Usage } from '../core/kind.ts'
import { Body, textOf } from './body.ts'
import { type ReadPart, readParts } from './combined-parts.ts'
import { type CombinedPrompt, combinedPrompt, holdsMarkup } from './combined-prompt.ts'
import { hasDuplicateMembers } from './duplicate-members.ts'
import { without } from './fields.ts'
import { parse } from './parse.ts'
import { costShares, estimatedTokens, type PartSize, usageShares } from './shared-usage.ts'
import type { Wire, WireBatching } from './wire.ts'
import { WireContent, type WireRequest } from './wire-request.ts'

type CountTokens = (text: string) => number

export interface LlmBatchingOptions {
  /**
   * How many tokens a text has, as nearly as can be said at once: what is shared out is the provider's count. Default: a
   * guess by its length.
   */
  readonly countTokens?: CountTokens
}

/** How requests of a wire are asked together; undefined for a wire that has no way to. */
export function llmBatching(
  wire: Wire,
  { countTokens = estimatedTokens }: LlmBatchingOptions = {}
): Batching<WireRequest, Body> | undefined {
  const { batching } = wire
  if (batching === undefined) return undefined
  return {
    group: (request) => groupOf(wire, batching, request),
    combine: (requests) => combine(wire, batching, requests, countTokens)
  }
}

/** In UTF-16 units. Of long prompts the model mixes up what belongs to which, and little is saved by asking them together. */
const longest = 8000

/** They name one call, which a combined one is not; all others are the same for all of its parts. */
const ofOneCall: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'x-request-id', 'x-client-request-id'])

/** With one of these the provider would take a combined call for a repeated one. */
const idempotent: readonly string[] = ['idempotency-key', 'x-idempotency-key', 'x-stainless-idempotency-key']

function groupOf(wire: Wire, batching: WireBatching, { content, headers }: WireRequest): string | undefined {
  const { json, query, versions, numbers } = content
  // The combined request is written anew, and a number that a double cannot hold would come out as another.
  if (content.wire.name !== wire.name || content.bypass !== undefined || numbers.length > 0) return undefined
  if (batching.unfit(json) !== undefined || idempotent.some((name) => headers[name] !== undefined)) return undefined
  const alike = wire.likeness(json)
  if (alike === undefined || alike.text.length > longest || holdsMarkup(alike.text)) return undefined
  // What the model does not see is sent for all of them, too: whose they are (`user`), what they are labelled with.
  const unseen = without(json, new Set(Object.keys(wire.identity(json))))
  const sent = [wire.name, query, versions, alike.within, unseen, without(headers, ofOneCall)]
  // The credential is among them: nobody is to read it where groups are kept or told of.
  return hash('sha256', canonical(sent), 'hex')
}

function combine(
  wire: Wire,
  batching: WireBatching,
  requests: readonly WireRequest[],
  countTokens: CountTokens
): Combined<WireRequest, Body> {
  const [first] = requests
  if (first === undefined) throw new RangeError('expected requests to combine, got none')
  const texts = requests.map(({ content }) => wire.likeness(content.json)?.text ?? '')
  const { content, headers } = first
  const prompt = combinedPrompt(texts, batching.takesSchema(content.json))
  const { text, schema } = prompt
  const parts = texts.length + 1
  const json = batching.combined(content.json, { text, parts, ...(schema === undefined ? {} : { schema }) })
  const raw = Buffer.from(JSON.stringify(json))
  return {
    request: {
      content: new WireContent(wire, raw, content.query, content.versions),
      headers: without(headers, ofOneCall),
      together: { like: content, answers: parts }
    },
    split(answer) {
      const read = readAnswer(wire, batching, answer, prompt, texts)
      return shareOut(wire, batching, answer, { read, prompt, texts, requests, countTokens })
    }
  }
}

/** What each was told. Never throws: what cannot be read at all is a doubt about each. */
function readAnswer(
  wire: Wire,
  batching: WireBatching,
  { value }: Answer<Body>,
  prompt: CombinedPrompt,
  texts: readonly string[]
): readonly ReadPart[] {
  const all = (doubt: string): readonly ReadPart[] => texts.map(() => ({ doubt }))
  try {
    const written = textOf(value.bytes)
    // Read as one who will write it again.
    const json = parse(written) as JsonObject
    const said = wire.unfit(json) === undefined ? batching.said(json) : undefined
    if (said === undefined) return all('unreadable')
    // In a body that says a thing twice nobody can know what its provider has meant.
    return hasDuplicateMembers(written, json) ? all('repeated') : readParts(said, prompt, texts)
  } catch {
    return all('unreadable')
  }
}

interface Shared {
  readonly read: readonly ReadPart[]
  readonly prompt: CombinedPrompt
  readonly texts: readonly string[]
  readonly requests: readonly WireRequest[]
  readonly countTokens: CountTokens
}

/** Each part with its share. What the check has cost is paid by all, as is what the prompt says to all of them. */
function shareOut(
  wire: Wire,
  batching: WireBatching,
  { value, origin }: Answer<Body>,
  { read, prompt, texts, requests, countTokens }: Shared
): readonly Part<Body>[] {
  const sizes = texts.map((text, at) => ({
    input: countTokens(text),
    output: countTokens(read[at]?.text ?? '')
  }))
  const { usage, costUsd, ...from } = origin
  const usages = sharesOf(usage, sizes)
  const costs = costUsd === undefined ? undefined : costShares(costUsd, paidBy(usages, sizes))
  let reported: readonly Usage[] | undefined
  return read.map((part, at): Part<Body> => {
    const share = { ...(usages && { usage: usages[at] ?? none }), ...(costs && { costUsd: costs[at] ?? 0 }) }
    const request = requests[at]?.content.json ?? {}
    if (part.doubt !== undefined) return { doubt: part.doubt, ...share }
    if (isTooLong(part.text, request)) return { doubt: 'too-long', ...share }
    reported ??= sharesOf(wire.usage(value.json), sizes) ?? []
    const said = { text: part.text, usage: reported[at], id: prompt.ids[at] ?? '', request }
    const json = batching.part(value.json, said)
    // Fit to be one of several is not yet fit to be kept: what cannot be is asked again.
    if (wire.unfit(json) !== undefined) return { doubt: 'unreadable', ...share }
    return { answer: { value: Body.fromJson(json), origin: { ...from, ...share, batched: requests.length } } }
  })
}

const none: Usage = { inputTokens: 0, outputTokens: 0 }

function sharesOf(usage: Usage | undefined, sizes: readonly PartSize[]): readonly Usage[] | undefined {
  return usage && usageShares(usage, sizes)
}

function paidBy(usages: readonly Usage[] | undefined, sizes: readonly PartSize[]): readonly PartSize[] {
  return usages?.map(({ inputTokens, outputTokens }) => ({ input: inputTokens, output: outputTokens })) ?? sizes
}

/** Bytes that hardly any text has to a token, so that an answer of more was longer than its request allows. */
const mostBytesOfToken = 6

/** A label, as it is asked for with a limit of a token or two. */
const oneWord = /^\s*\S{1,20}\s*$/

/** Alone it would have been cut, and its caller told so. */
function isTooLong(text: string, request: JsonObject): boolean {
  if (oneWord.test(text)) return false
  const limits = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'].map((field) => request[field])
  return limits.some((limit) => typeof limit === 'number' && Buffer.byteLength(text) > limit * mostBytesOfToken)
}
