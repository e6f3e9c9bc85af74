import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { inexactNumbers } from '../wires/exact-numbers.ts'
import { pairOf } from './import-pair.ts'
import { inLine, type Line, parsedObject, readLines } from './lines.ts'
import { rawField } from './raw-field.ts'
import { excerpt, requestForm } from './request-form.ts'
import { controlsOf, type WarmDefaults } from './warm-lines.ts'

/** A pair of a file, as it is to be sent to a gateway. */
export interface ImportPair {
  /** Where it stands in its file, from 1. */
  readonly line: number
  /** Whose credential says whose entry it becomes. */
  readonly dialect: 'openai' | 'anthropic'
  /** The pair as JSON; request and response are in it as they were written. */
  readonly json: Buffer
}

/** A line that holds nothing to be imported, and is not wrong for it: a batch has lines that failed. */
export interface LeftOut {
  readonly line: number
  readonly leftOut: string
}

/** Reads one line of a file of pairs. @throws RepriseError `invalid-body` naming the line, what was expected and got */
export function readImportLine(line: Line, defaults: WarmDefaults = {}): ImportPair {
  return inLine(line, () => {
    const value = parsedObject(line.bytes)
    if (value['request'] === undefined && value['body'] === undefined && isOutcome(value)) {
      throw invalid(
        'expected a request beside the response, got a line of a batch that names it: give its requests with --requests FILE'
      )
    }
    pairOf(value)
    const response = rawField(line.bytes, 'response')
    return importPair(line.number, { value, bytes: line.bytes, response }, defaults)
  })
}

/** The requests of a batch, by their `custom_id`. Where they stand is held in memory, and not what they say. */
export class BatchRequests {
  readonly #descriptor: number
  readonly #places: ReadonlyMap<string, Place>

  /** SHA-256 of the file's content, in hexadecimal. */
  readonly digest: string

  private constructor(descriptor: number, places: ReadonlyMap<string, Place>, digest: string) {
    this.#descriptor = descriptor
    this.#places = places
    this.digest = digest
  }

  /** @throws RepriseError `invalid-option` when the file cannot be read, `invalid-body` naming the line that is wrong */
  static async open(file: string): Promise<BatchRequests> {
    const hash = createHash('sha256')
    const places = new Map<string, Place>()
    for await (const line of readLines(file, (chunk) => hash.update(chunk))) {
      inLine(line, () => {
        const id = parsedObject(line.bytes)['custom_id']
        if (typeof id !== 'string') throw invalid(`expected a custom_id, got ${excerpt(id)}`)
        const other = places.get(id)
        if (other !== undefined)
          throw invalid(`expected each custom_id once, got ${excerpt(id)} in line ${other.line} too`)
        places.set(id, { line: line.number, offset: line.offset, length: line.bytes.length })
      })
    }
    return new BatchRequests(openSync(file, 'r'), places, hash.digest('hex'))
  }

  /**
   * Joins one line of the batch's results, OpenAI's or Anthropic's, with its request.
   * @throws RepriseError `invalid-body` naming the line, what was expected and got
   */
  join(line: Line, defaults: WarmDefaults = {}): ImportPair | LeftOut {
    return inLine(line, () => {
      const value = parsedObject(line.bytes)
      const id = value['custom_id']
      if (typeof id !== 'string') throw invalid(`expected a line with custom_id, got ${excerpt(value)}`)
      const outcome = outcomeOf(value, line.bytes)
      if (typeof outcome === 'string') return { line: line.number, leftOut: outcome }
      const asked = this.#read(id)
      if (asked === undefined) return { line: line.number, leftOut: 'without a request of its custom_id' }
      const request = parsedObject(asked)
      pairOf({ ...request, response: parsedObject(outcome) })
      return importPair(line.number, { value: request, bytes: asked, response: outcome }, defaults)
    })
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #read(id: string): Buffer | undefined {
    const place = this.#places.get(id)
    if (place === undefined) return undefined
    const bytes = Buffer.alloc(place.length)
    readSync(this.#descriptor, bytes, 0, place.length, place.offset)
    return bytes
  }
}

interface Place {
  readonly line: number
  readonly offset: number
  readonly length: number
}

/** The answer's bytes in a line of results, or why there is none. */
function outcomeOf(value: JsonObject, bytes: Buffer): Buffer | string {
  const { response, error, result } = value
  if (isObject(result)) {
    if (result['type'] !== 'succeeded') return `with the result ${String(result['type'])}`
    if (isObject(result['message'])) return rawField(rawField(bytes, 'result'), 'message')
    throw invalid(`expected a message in the result, got ${excerpt(result['message'])}`)
  }
  if ((error ?? null) !== null) return 'with an error'
  if (!isObject(response)) throw invalid(`expected a response or a result, got ${excerpt(response)}`)
  const { status_code: status, body } = response
  if (status !== 200) return `with status ${excerpt(status)}`
  if (isObject(body)) return rawField(rawField(bytes, 'response'), 'body')
  throw invalid(`expected a body in the response, got ${excerpt(body)}`)
}

/** Whether a line is a result of a batch, which names its request and does not hold it. */
function isOutcome({ custom_id: id, response, result }: JsonObject): boolean {
  return id !== undefined && (isObject(result) || (isObject(response) && response['status_code'] !== undefined))
}

interface Found {
  /** What holds the request, and what is said beside it. */
  readonly value: JsonObject
  readonly bytes: Buffer
  readonly response: Buffer
}

function importPair(line: number, { value, bytes, response }: Found, defaults: WarmDefaults): ImportPair {
  const { field, path, wire } = requestForm(value)
  const request = field === undefined ? bytes : rawField(bytes, field)
  const lost = inexactNumbers(request.toString()).find((number) => JSON.stringify(Number(number)) !== number)
  // The gateway reads pairs as JSON: this would be the answer to another request there.
  if (lost !== undefined)
    throw invalid(`expected numbers that a double can hold in a request to be imported, got ${lost}`)
  const { costUsd, tookMs, usage } = value
  const rest = { ...controlsOf(value, defaults), costUsd, tookMs, usage }
  const json = Buffer.concat([
    Buffer.from(`{"endpoint":${JSON.stringify(path)},"request":`),
    request,
    Buffer.from(',"response":'),
    response,
    Buffer.from(`,${JSON.stringify(rest).slice(1)}`)
  ])
  return { line, dialect: wire.dialect.name, json }
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-body', message)
}
