import { messageOf, RepriseError } from '../core/errors.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { tokenRefused } from './admin-client.ts'
import { adminTokenFor } from './admin-token.ts'
import { refusal } from './ask-gateway.ts'
import { checkGateway } from './check-gateway.ts'
import { dollars, plural } from './figures.ts'
import { gatewayConnection } from './gateway-connection.ts'
import { interruption } from './interruption.ts'
import type { ProgressBar } from './progress-bar.ts'
import { barOf, type WarmOptions } from './warm-job.ts'

const shownSkipped = 5

/** Has the gateway ask its most valuable expired answers anew, with its own keys. Resolves with what the program is to end with. */
export async function warmPopular(count: number, options: WarmOptions): Promise<number> {
  const { url, output, budgetUsd, concurrency, environment } = options
  await checkGateway(options.url)
  const token = await adminTokenFor(url, environment)
  const gateway = gatewayConnection(url, 1)
  let bar: ProgressBar | undefined
  const user = interruption(() =>
    bar?.print('stopping: what the gateway has begun may still end; ctrl-c once more gives up')
  )
  const abort = AbortSignal.any([user.stop, user.abort])
  let last: JsonObject | undefined
  try {
    const { statusCode, headers, body } = await gateway.stream('/cache/warm', {
      headers: {
        ...(token === undefined ? {} : { 'x-reprise-admin-token': token })
      },
      body: JSON.stringify({ popular: count, concurrency, ...(budgetUsd === undefined ? {} : { budgetUsd }) }),
      signal: abort
    })
    if (statusCode === 401) throw tokenRefused(url, token)
    if (statusCode !== 200) {
      const { message } = refusal({
        status: statusCode,
        headers: headers as Record<string, string>,
        text: await body.text()
      })
      throw new RepriseError('provider-malformed', `the gateway at ${url} answers ${statusCode}: ${message}`)
    }
    for await (const told of objects(body)) {
      last = told
      const { done, total, hits, asked, failed, costUsd } = told
      bar ??= barOf(countIn(total), options)
      bar.update(countIn(done), [
        `${countIn(hits)} hits`,
        `${countIn(asked)} asked`,
        ...(countIn(failed) === 0 ? [] : [`${countIn(failed)} failed`]),
        dollars(countIn(costUsd))
      ])
    }
  } catch (error) {
    if (!abort.aborted) throw error instanceof RepriseError ? error : brokenOff(url, error)
  } finally {
    user.release()
    bar?.end()
    await gateway.close()
  }
  const exitCode = user.exitCode()
  if (last?.['type'] !== 'done' && exitCode === undefined) throw brokenOff(url)
  for (const line of report(last ?? {})) output.write(`${line}\n`)
  if (exitCode !== undefined) output.write('interrupted; the same command goes on with what is expired still\n')
  return exitCode ?? (countIn(last?.['failed']) > 0 ? 1 : 0)
}

/** A JSON object a line. */
async function* objects(body: AsyncIterable<Uint8Array>): AsyncGenerator<JsonObject, void, undefined> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of body) {
    pending += decoder.decode(chunk, { stream: true })
    const lines = pending.split('\n')
    pending = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield object(line)
  }
  if (pending.trim() !== '') yield object(pending)
}

function object(line: string): JsonObject {
  const value: unknown = JSON.parse(line)
  if (!isObject(value)) throw new SyntaxError(`expected an object, got ${line.slice(0, 80)}`)
  const { error } = value
  if (isObject(error)) throw new RepriseError('provider-malformed', `the gateway says: ${String(error['message'])}`)
  return value
}

function report({ done, total, hits, asked, failed, costUsd, skipped }: JsonObject): string[] {
  const all = Array.isArray(skipped) ? skipped.filter(isObject) : []
  return [
    `${countIn(done)} of ${plural(countIn(total), 'answer', 'answers')}: ${plural(countIn(hits), 'hit', 'hits')}, ${countIn(asked)} asked for ${dollars(countIn(costUsd))}, ${countIn(failed)} failed`,
    ...all.slice(0, shownSkipped).map(({ key, reason }) => `skipped ${String(key)}: ${String(reason)}`),
    ...(all.length > shownSkipped ? [`and ${all.length - shownSkipped} more`] : [])
  ]
}

function countIn(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}

function brokenOff(url: string, cause?: unknown): RepriseError {
  const why = cause === undefined ? 'it ended before it was done' : messageOf(cause)
  return new RepriseError(
    'provider-malformed',
    `the gateway at ${url} broke off: ${why}; the same command goes on with what is expired still`
  )
}
