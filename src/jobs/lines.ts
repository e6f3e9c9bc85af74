import { createReadStream } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'

/** One line of a file, without what ends it and without spaces around it. */
export interface Line {
  /** From 1; empty lines are counted too. */
  readonly number: number
  readonly bytes: Buffer
  /** Where the bytes begin in the file. */
  readonly offset: number
}

const feed = 0x0a
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * Reads the lines of a file as they come from the disk, as bytes, so that what is sent on is what was written. Empty
 * lines are left out. `onChunk` hears of every byte, in order.
 * @throws RepriseError `invalid-option` when the file cannot be read
 */
export async function* readLines(
  file: string,
  onChunk: (chunk: Buffer) => void = () => {}
): AsyncGenerator<Line, void, undefined> {
  let number = 0
  let offset = 0
  // Of a line that goes on in the next chunk; joined once, however many chunks it takes.
  let begun: Buffer[] = []
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      onChunk(chunk)
      let from = 0
      for (let end = chunk.indexOf(feed); end !== -1; end = chunk.indexOf(feed, from)) {
        const whole = joined(begun, chunk.subarray(from, end))
        begun = []
        from = end + 1
        number += 1
        const line = trimmed(whole, number, offset)
        offset += whole.length + 1
        if (line.bytes.length > 0) yield line
      }
      if (from < chunk.length) begun.push(chunk.subarray(from))
    }
  } catch (error) {
    if (error instanceof RepriseError || !hasCode(error)) throw error
    throw new RepriseError('invalid-option', `cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
  const last = trimmed(joined(begun, Buffer.alloc(0)), number + 1, offset)
  if (last.bytes.length > 0) yield last
}

/**
 * What `read` makes of a line; what is wrong with it is told with the line's number.
 * @throws RepriseError `invalid-body`
 */
export function inLine<Value>({ number }: Line, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    throw new RepriseError('invalid-body', `line ${number}: ${messageOf(error)}`, { cause: error })
  }
}

/** The JSON object that the bytes are. @throws RepriseError `invalid-body` */
export function parsedObject(bytes: Buffer): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch (error) {
    throw noObject(bytes, ` (${messageOf(error)})`)
  }
  if (isObject(value)) return value
  throw noObject(bytes)
}

function noObject(bytes: Buffer, why = ''): RepriseError {
  const text = bytes.length > 80 ? `${bytes.toString('utf8', 0, 80)}...` : bytes.toString()
  return new RepriseError('invalid-body', `expected a JSON object, got ${text}${why}`)
}

/** What the system says of a file, and not what whoever takes the lines throws. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

function joined(begun: readonly Buffer[], rest: Buffer): Buffer {
  return begun.length === 0 ? rest : Buffer.concat([...begun, rest])
}

function trimmed(whole: Buffer, number: number, offset: number): Line {
  let start = number === 1 && whole.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
  let end = whole.length
  while (start < end && isSpace(whole[start])) start++
  while (end > start && isSpace(whole[end - 1])) end--
  return { number, bytes: whole.subarray(start, end), offset: offset + start }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}
