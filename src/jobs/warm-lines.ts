import { parseDuration } from '../core/duration.ts'
import { RepriseError } from '../core/errors.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { readControls } from '../doors/controls.ts'
import { setField } from '../wires/set-field.ts'
import type { Wire } from '../wires/wire.ts'
import { WireContent } from '../wires/wire-request.ts'
import { inLine, type Line, parsedObject } from './lines.ts'
import { rawField } from './raw-field.ts'
import { excerpt, requestForm } from './request-form.ts'

/** A request of a file, as it is to be asked. */
export interface WarmRequest {
  /** Where it stands in its file, from 1. */
  readonly line: number
  readonly wire: Wire
  /** Where it is to be sent: `/v1/chat/completions`. */
  readonly path: string
  /** As it was written, but for `stream`: the entry serves both who stream and who do not. */
  readonly body: Buffer
  /** Its own and those that all have. */
  readonly tags: readonly string[]
  /** How long its answer may be used, as `x-reprise-ttl` says it. Default: what the gateway thinks of it. */
  readonly ttl?: string
}

/** What holds for every line; a line's own tags are added, and its own ttl goes first. */
export interface WarmDefaults {
  readonly tags?: readonly string[]
  readonly ttl?: string
}

/**
 * Reads one line of a file of requests.
 * @throws RepriseError `invalid-body` naming the line, what was expected and what was got
 */
export function readWarmLine(line: Line, defaults: WarmDefaults = {}): WarmRequest {
  return inLine(line, () => {
    const value = parsedObject(line.bytes)
    const { field, wire, path } = requestForm(value)
    const body = field === undefined ? line.bytes : rawField(line.bytes, field)
    const { json } = new WireContent(wire, body)
    const wrapping = field === undefined ? {} : value
    return { line: line.number, wire, path, body: unstreamed(body, json), ...controlsOf(wrapping, defaults) }
  })
}

/**
 * The tags and the time to live that a line asks for, checked as the gateway checks them.
 * @throws RepriseError saying what was expected and got
 */
export function controlsOf(
  { tags, ttl }: JsonObject,
  defaults: WarmDefaults
): { readonly tags: readonly string[]; readonly ttl?: string } {
  const all = [...new Set([...(defaults.tags ?? []), ...ownTags(tags)])]
  for (const tag of all) checkTag(tag)
  const own = ttl === undefined || ttl === null ? defaults.ttl : ttl
  if (own !== undefined && typeof own !== 'string' && typeof own !== 'number') {
    throw invalid(`ttl: expected a duration such as 30s, 5m, 24h or 7d, or a number of seconds, got ${excerpt(own)}`)
  }
  if (own !== undefined) parseDuration(own, 'ttl')
  readControls({ 'x-reprise-tags': all.join(',') })
  return { tags: all, ...(own === undefined ? {} : { ttl: String(own) }) }
}

function ownTags(tags: Json | undefined): readonly string[] {
  if (tags === undefined || tags === null) return []
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags
  throw invalid(`tags: expected a list of texts, got ${excerpt(tags)}`)
}

/** They travel in one header, with commas between them. */
function checkTag(tag: string): void {
  if (/^[!-~]+(?: +[!-~]+)*$/.test(tag) && !tag.includes(',')) return
  throw invalid(
    `tags: expected ASCII characters, no comma, and no space at either end, because tags travel in a header, got ${excerpt(tag)}`
  )
}

/** A provider refuses options of a stream for an answer that is none; null says that there are none. */
function unstreamed(body: Buffer, { stream, stream_options: options }: JsonObject): Buffer {
  const plain = stream === true ? setField(body, 'stream', false) : body
  return (options ?? null) === null ? plain : setField(plain, 'stream_options', null)
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-body', message)
}
