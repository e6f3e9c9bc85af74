import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject } from '../core/json.ts'

/**
 * The settings in a YAML file, by name and as they are written there.
 * @throws RepriseError `invalid-option` naming the file and, of what is no YAML, the line; never what stands in it
 */
export function readFile(file: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  const value = parseYaml(textOf(file), file)
  if (value === null) return {}
  if (!isObject(value)) throw wrong(`${file}: expected settings as 'name: value', got something else`)
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw wrong(`${file}: unknown setting ${JSON.stringify(unknown)}; known are ${known.join(', ')}`)
  }
  return value
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrong(`cannot read the configuration ${file}: ${messageOf(error)}`, error)
  }
}

function parseYaml(text: string, file: string): unknown {
  const lines = new LineCounter()
  // Pretty errors quote the lines they are about, and there may be a key in them.
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    throw wrong(`${file}: line ${line}, column ${col}: ${withoutText(error.message)}`)
  }
  try {
    return document.toJS() as unknown
  } catch (thrown) {
    throw wrong(`${file}: ${withoutText(messageOf(thrown))}`)
  }
}

/** What a message repeats of the file comes after a colon. */
function withoutText(message: string): string {
  return message.replace(/: .*$/s, '')
}

function wrong(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', message, cause === undefined ? {} : { cause })
}
