import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { gatewayOf } from './admin-client.ts'
import { keysOf, usualAnthropicVersion } from './dialect-headers.ts'

const help = `reprise explain REQUEST.json: says why a request would be answered from the cache, or not

  REQUEST.json          the request as it would be sent; - reads it from the standard input
  --url URL             the gateway that is asked, or its admin port (http://127.0.0.1:4141)
  --endpoint PATH       /v1/chat/completions, /v1/responses or /v1/messages (by what is in the request)
  --scope TEXT          the x-reprise-scope that it would be sent with
  --json                the whole explanation as JSON

The gateway speaks of what your key shares: it is taken from OPENAI_API_KEY, or from ANTHROPIC_API_KEY for /v1/messages.
The admin token comes from REPRISE_ADMIN_TOKEN, or from the file that reprise serve has written on this machine.
Nothing is asked of a provider, stored or counted.`

/** Asks a running gateway to explain a request, and says it for people. */
export async function explain(flags: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (flags.includes('--help') || flags.includes('-h')) {
    console.log(help)
    return
  }
  const { values, file } = readFlags(flags)
  const request = readRequest(file)
  const { url = values.through, endpoint, scope } = values
  const isAnthropic = endpoint?.includes('messages') === true
  const keys = keysOf(environment, 'explain')
  const key = isAnthropic ? keys.anthropic : keys.openai
  const gateway = await gatewayOf('explain', url, environment)
  const explanation = await gateway.post('/cache/explain', endpoint === undefined ? request : { endpoint, request }, {
    ...(isAnthropic ? { 'anthropic-version': usualAnthropicVersion } : {}),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(scope === undefined ? {} : { 'x-reprise-scope': scope })
  })
  console.log(values.json ? JSON.stringify(explanation, undefined, 2) : inWords(explanation))
}

function readFlags(flags: readonly string[]): {
  values: { url?: string; through?: string; endpoint?: string; scope?: string; json?: boolean }
  file: string
} {
  const text = { type: 'string' } as const
  // `--through` is what `--url` was called first.
  const options = { url: text, through: text, endpoint: text, scope: text, json: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...flags], options, allowPositionals: true })
    const [file] = positionals
    if (file === undefined || positionals.length > 1) throw new Error(`expected one file, got ${positionals.length}`)
    return { values, file }
  } catch (error) {
    throw new RepriseError('invalid-option', `${messageOf(error)} (reprise explain --help lists all flags)`, {
      cause: error
    })
  }
}

function readRequest(file: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot read the request ${file}: ${messageOf(error)}`, { cause: error })
  }
  if (isObject(value)) return value
  throw new RepriseError('invalid-option', `${file}: expected a request as a JSON object`)
}

function inWords(explanation: JsonObject): string {
  const { outcome, reason, text, minSimilarity, nearest, wouldHitAt } = explanation
  const lines = [`${String(outcome)}: ${String(reason)}`]
  if (typeof text === 'string') lines.push('', `asked    ${JSON.stringify(text)}`)
  for (const neighbour of Array.isArray(nearest) ? nearest : []) if (isObject(neighbour)) lines.push(...told(neighbour))
  if (isObject(wouldHitAt) && Object.keys(wouldHitAt).length > 0) {
    const levels = Object.entries(wouldHitAt).map(([level, similarity]) => `${level} ${Number(similarity).toFixed(4)}`)
    lines.push('', `would have hit with --min-similarity up to: ${levels.join(', ')} (now ${String(minSimilarity)})`)
  }
  return lines.join('\n')
}

function told({ similarity, text, refuted, differs, fresh, doubtful }: JsonObject): string[] {
  const lines = [`${Number(similarity).toFixed(4)}   ${JSON.stringify(text)}`]
  if (isObject(differs)) {
    const { asked, answered } = differs
    const only = (words: Json | undefined): string =>
      Array.isArray(words) && words.length > 0 ? words.join(' ') : 'nothing'
    lines.push(`         only asked: ${only(asked)}; only answered: ${only(answered)}`)
  }
  if (isObject(refuted)) lines.push(`         refused by ${String(refuted['by'])}: ${String(refuted['reason'])}`)
  if (fresh === false) lines.push('         too old')
  if (doubtful === true) lines.push('         for the verifier to decide')
  return lines
}
