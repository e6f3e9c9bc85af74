import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { isObject } from '../src/core/json.ts'

/** What one caller asks. */
export interface Asking {
  readonly url: string
  readonly content: string
  readonly stream: boolean
  /** Told to the provider too, so that its calls are known for whose they are. */
  readonly id: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What one caller got. */
export interface Told {
  /** 0: no response at all. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** `broken off`: it ended before its end. `garbled`: there is something in it that is no JSON. */
  readonly body: 'whole' | 'broken off' | 'garbled'
  /** Of an error. */
  readonly code: string
  readonly message: string
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly tookMs: number
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

/** Asks for a chat completion, and reads what comes to its end. Never rejects. */
export function call({ url, content, stream, id, headers = {} }: Asking): Promise<Told> {
  const body = JSON.stringify({
    model: 'gpt-4o',
    temperature: 0,
    messages: [{ role: 'user', content }],
    ...(stream ? { stream } : {})
  })
  const startedAtMs = Date.now()
  const started = performance.now()
  return new Promise((resolve) => {
    function end(status: number, told: IncomingHttpHeaders, text: string, isComplete: boolean): void {
      const ended = { startedAtMs, endedAtMs: Date.now(), tookMs: performance.now() - started }
      resolve({ status, headers: told, ...read(status, text, stream, isComplete), ...ended })
    }
    const sent = request(
      `${url}/v1/chat/completions`,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: 'Bearer sk-bench',
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'x-bench-id': id,
          ...headers
        }
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', () => {})
        response.on('close', () => end(response.statusCode ?? 0, response.headers, text, response.complete))
      }
    )
    sent.on('error', () => end(0, {}, '', false))
    sent.end(body)
  })
}

function read(
  status: number,
  text: string,
  stream: boolean,
  isComplete: boolean
): Pick<Told, 'body' | 'code' | 'message'> {
  if (status !== 200) {
    const error = fieldsOf(fieldsOf(parsed(text))['error'])
    return { body: isComplete ? 'whole' : 'broken off', code: String(error['code']), message: String(error['message']) }
  }
  const none = { code: '', message: '' }
  if (!stream) {
    const isAnswer = Array.isArray(fieldsOf(parsed(text))['choices'])
    return { body: isComplete && isAnswer ? 'whole' : isComplete ? 'garbled' : 'broken off', ...none }
  }
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
  if (events.some((data) => data !== '[DONE]' && parsed(data) === undefined)) return { body: 'garbled', ...none }
  return { body: isComplete && events.at(-1) === '[DONE]' ? 'whole' : 'broken off', ...none }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}

/** `first`, `second`, `third`, `hit`, `stale`, what is wrong with the body, or an error's status and code. */
export function whoAnswered({ status, headers, body, code }: Told): string {
  if (status !== 200) return status === 0 ? 'no response' : `${status} ${code}`
  if (body !== 'whole') return body
  if (headers['x-reprise-layer'] === 'provider') return String(headers['x-reprise-provider'])
  return headers['x-reprise-stale'] === 'true' ? 'stale' : 'hit'
}

/** How many there are of each, the most frequent first: `15 second, 5 broken off`. */
export function counted(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .sort(([, left], [, right]) => right - left)
    .map(([value, times]) => `${times} ${value}`)
    .join(', ')
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
