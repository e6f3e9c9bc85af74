import { messageOf } from '../core/errors.ts'
import { withoutCredentials } from '../providers/credentials.ts'
import type { Crossing } from '../wires/crossing.ts'
import { wires } from '../wires/open.ts'
import { openaiEmbeddings } from '../wires/openai-embeddings.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent, type WireRequest } from '../wires/wire-request.ts'
import type { PlannedTarget } from './plan.ts'

/** A request as one target is asked it. */
export interface Spoken {
  readonly request: WireRequest
  /** Carries the answer back; undefined where the provider speaks the caller's dialect. */
  readonly crossing: Crossing | undefined
}

export type CrossingBetween = (from: Wire, to: Wire) => Crossing | undefined

const wireNamed: ReadonlyMap<string, Wire> = new Map([...wires, openaiEmbeddings].map((wire) => [wire.name, wire]))

/**
 * The request in a dialect that the provider speaks: as the caller wrote it wherever that is the caller's own and the
 * model is the one named, else with as little changed as can be; or why there is no such request.
 */
export function speak(
  request: WireRequest,
  { model }: Pick<PlannedTarget, 'model'>,
  provider: { readonly name: string; readonly wires: readonly string[] },
  crossingBetween: CrossingBetween
): Spoken | { readonly unsuitable: string } {
  const { content, headers } = request
  const from = content.wire
  if (provider.wires.includes(from.name)) {
    if (model === '' || content.json['model'] === model) return { request, crossing: undefined }
    return { request: { content: content.withModel(model), headers }, crossing: undefined }
  }
  for (const name of provider.wires) {
    const to = wireNamed.get(name)
    const crossing = to === undefined ? undefined : crossingBetween(from, to)
    if (to !== undefined && crossing !== undefined) return cross(request, model, crossing, to)
  }
  return { unsuitable: `${provider.name} does not speak ${from.name}, nor anything that it could be carried over to` }
}

function cross(
  { content, headers }: WireRequest,
  model: string,
  crossing: Crossing,
  wire: Wire
): Spoken | { readonly unsuitable: string } {
  const [number] = content.numbers
  if (number !== undefined) return { unsuitable: `the number ${number} would come out as another` }
  try {
    const crossed = crossing.request(content.json, model)
    if (crossed.request === undefined) return { unsuitable: crossed.unsuitable }
    const carried = new WireContent(wire, Buffer.from(JSON.stringify(crossed.request)))
    return { request: { content: carried, headers: crossedHeaders(headers, wire) }, crossing }
  } catch (error) {
    // A request that its own dialect's check lets pass may still make no sense in another.
    return { unsuitable: `the request cannot be carried over: ${messageOf(error)}` }
  }
}

const ofDialect = /^(?:anthropic-|openai-|x-stainless-|x-goog-|content-)/

/** The headers that mean the same to everybody: no credential, and nothing of the caller's dialect or its SDK. */
function crossedHeaders(headers: WireRequest['headers'], { dialect }: Wire): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(withoutCredentials(headers))) {
    if (!ofDialect.test(name)) kept[name] = value
  }
  // The dialect refuses a request that does not say which version of it is spoken.
  if (dialect.name === 'anthropic') kept['anthropic-version'] = '2023-06-01'
  return kept
}
