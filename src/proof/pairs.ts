import { createReadStream } from 'node:fs'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type JsonObject } from '../core/json.ts'

/** Two texts, and whether one answer is right for both. */
export interface Pair {
  readonly a: string
  readonly b: string
  /** Label 1: they mean the same. */
  readonly same: boolean
  /** Where it stands in its file, from 1. */
  readonly line: number
  /** The line's other fields, as they are. */
  readonly rest: JsonObject
}

const expected = 'expected {"a": "TEXT", "b": "TEXT", "label": 0 or 1}'

/**
 * Reads pairs from a file of JSON lines, one after the other as it comes from the disk. `label` is 1 or true for the
 * same meaning, 0 or false for another. Empty lines are passed over.
 * @throws RepriseError `invalid-option` naming the file, the line, what was expected and got.
 */
export async function* readPairs(file: string): AsyncGenerator<Pair, void, undefined> {
  let line = 0
  for await (const text of readLines(file)) {
    line += 1
    if (text.trim() !== '') yield parsePair(text, line, file)
  }
}

function parsePair(text: string, line: number, file: string): Pair {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw failure(`got ${excerpt(text)} (${messageOf(error)})`, error)
  }
  if (!isObject(value)) throw failure(`got ${excerpt(text)}`)
  const { a, b, label, ...rest } = value
  if (typeof a !== 'string') throw failure(`got ${excerpt(JSON.stringify(a))} for "a"`)
  if (typeof b !== 'string') throw failure(`got ${excerpt(JSON.stringify(b))} for "b"`)
  if (label !== 0 && label !== 1 && typeof label !== 'boolean')
    throw failure(`got ${excerpt(JSON.stringify(label))} for "label"`)
  return { a, b, same: label === 1 || label === true, line, rest }

  function failure(got: string, cause?: unknown): RepriseError {
    return new RepriseError('invalid-option', `${file}, line ${line}: ${expected}, ${got}`, { cause })
  }
}

/** Lines end with a line feed and with nothing else: JSON allows other separators (U+2028) within a text. */
async function* readLines(file: string): AsyncGenerator<string, void, undefined> {
  let pending = ''
  let isFirst = true
  try {
    for await (const chunk of createReadStream(file, 'utf8')) {
      const text = pending + String(chunk)
      const lines = (isFirst ? text.replace(/^\uFEFF/, '') : text).split('\n')
      isFirst = false
      pending = lines.pop() ?? ''
      yield* lines
    }
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot read the pairs: ${messageOf(error)}`, { cause: error })
  }
  if (pending !== '') yield pending
}

function excerpt(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
