import { RepriseError } from '../core/errors.ts'
import { isObject, type Json } from '../core/json.ts'
import { type AskEnd, type Asked, askAll } from '../jobs/ask-all.ts'
import { BatchRequests, type ImportPair, readImportLine } from '../jobs/import-lines.ts'
import type { Line } from '../jobs/lines.ts'
import { tokenRefused } from './admin-client.ts'
import { adminTokenFor } from './admin-token.ts'
import { answered, refusal } from './ask-gateway.ts'
import { checkGateway } from './check-gateway.ts'
import { type DialectName, headersFor } from './dialect-headers.ts'
import { plural } from './figures.ts'
import { type GatewayConnection, gatewayConnection } from './gateway-connection.ts'
import { interruption } from './interruption.ts'
import { barOf, Failures, openState, pending, surveyFile, usageOf, versionNotes, type WarmOptions } from './warm-job.ts'

const mostPairs = 50
const mostBytes = 1_000_000

/**
 * Has the gateway store the answers of a file of pairs, or of a batch's results whose requests are in another. Resolves
 * with what the program is to end with.
 */
export async function warmImport(file: string, requests: string | undefined, options: WarmOptions): Promise<number> {
  const { output, keys, headers, concurrency, defaults } = options
  const batch = requests === undefined ? undefined : await openBatch(requests)
  const leftOut = new Map<string, number>()
  const dialects = new Set<DialectName>()
  const readEither = (line: Line) => batch?.join(line, defaults) ?? readImportLine(line, defaults)
  function read(line: Line): ImportPair | undefined {
    const found = readEither(line)
    return 'json' in found ? found : undefined
  }
  const survey = await surveyFile(
    file,
    (line) => {
      const found = readEither(line)
      if ('json' in found) dialects.add(found.dialect)
      else leftOut.set(found.leftOut, (leftOut.get(found.leftOut) ?? 0) + 1)
      return 'json' in found
    },
    options
  )
  for (const [why, times] of leftOut) output.write(`${plural(times, 'line', 'lines')} of ${file} left out: ${why}\n`)
  if (survey.invalid > 0) output.write(`${plural(survey.invalid, 'line', 'lines')} of ${file} left out: no pairs\n`)
  if (survey.count === 0) {
    batch?.close()
    output.write(`${file} holds no pairs: there is nothing to store\n`)
    return 0
  }
  const stateFile = options.state ?? `${file}.progress`
  const state = openState(stateFile, survey, ['import', batch?.digest ?? null], dialects, options)
  if (state.count >= survey.count) {
    state.close()
    batch?.close()
    output.write(
      `all ${plural(survey.count, 'pair', 'pairs')} of ${file} are stored, says ${stateFile}; --restart sends them again\n`
    )
    return 0
  }
  await checkGateway(options.url)

  const token = await adminTokenFor(options.url, options.environment)
  const admin: Readonly<Record<string, string>> = token === undefined ? {} : { 'x-reprise-admin-token': token }
  const before = state.count
  const bar = barOf(Math.min(survey.count, before + options.limit), options)
  const failures = new Failures(`${file}.errors.jsonl`, bar, 'refused')
  let stored = 0
  const user = interruption(() => bar.print('stopping: waiting for what is under way; ctrl-c once more gives it up'))
  const gateway = gatewayConnection(options.url, concurrency)
  function show(): void {
    const refused = failures.count === 0 ? [] : [`${failures.count} refused`]
    bar.update(before + stored + failures.count, [`${stored} stored`, ...refused])
  }
  let end: AskEnd
  try {
    show()
    end = await askAll<Batch, Import>({
      items: batches(pending(file, read, state, options.limit)),
      ask: ({ dialect, pairs }, signal) =>
        post(gateway, { ...admin, ...headersFor(dialect, keys, headers) }, pairs, signal).catch((error: unknown) => {
          throw error === noAdmin ? tokenRefused(options.url, token) : error
        }),
      settled({ pairs }, asked) {
        const refused = asked.ok ? asked.answer.refused : undefined
        const good = refused === undefined ? [] : pairs.filter((_, index) => !refused.has(index))
        state.note(good.map(({ line }) => line))
        stored += good.length
        for (const [index, { line }] of pairs.entries()) {
          if (!asked.ok) failures.add(line, asked.status, asked.message)
          else if (refused?.has(index)) failures.add(line, undefined, refused.get(index) ?? '')
        }
        show()
      },
      concurrency,
      stop: user.stop,
      abort: user.abort
    })
  } finally {
    user.release()
    bar.end()
    if (state.count >= survey.count) state.finish()
    state.close()
    batch?.close()
    await gateway.close()
  }
  output.write(`${file}: ${plural(stored, 'pair', 'pairs')} stored, ${failures.count} refused\n`)
  if (failures.count > 0) output.write(`what was refused is in ${failures.file}\n`)
  if (end === 'failing') output.write('stopped: too many failed in a row for a reason that concerns all of them\n')
  const done = `${state.count.toLocaleString('en')} of ${plural(survey.count, 'pair', 'pairs')} done`
  output.write(
    state.count >= survey.count
      ? `${done}: all\n`
      : `${done}, says ${stateFile}; the same command goes on with the rest\n`
  )
  for (const line of versionNotes(dialects, options)) output.write(`${line}\n`)
  return user.exitCode() ?? (failures.count > 0 || end === 'failing' ? 1 : 0)
}

async function openBatch(file: string): Promise<BatchRequests> {
  try {
    return await BatchRequests.open(file)
  } catch (error) {
    throw usageOf(error)
  }
}

/** Pairs that go in one request: it has one credential, and so they are of one dialect. */
interface Batch {
  readonly dialect: DialectName
  readonly pairs: readonly ImportPair[]
}

/** By their place in the batch, why pairs were not stored. */
interface Import {
  readonly refused: ReadonlyMap<number, string>
}

async function* batches(pairs: AsyncIterable<ImportPair>): AsyncGenerator<Batch, void, undefined> {
  const open = new Map<DialectName, { pairs: ImportPair[]; bytes: number }>()
  for await (const pair of pairs) {
    const { dialect, json } = pair
    let batch = open.get(dialect)
    if (batch !== undefined && (batch.pairs.length >= mostPairs || batch.bytes + json.length > mostBytes)) {
      open.delete(dialect)
      yield { dialect, pairs: batch.pairs }
      batch = undefined
    }
    batch ??= { pairs: [], bytes: 0 }
    open.set(dialect, batch)
    batch.pairs.push(pair)
    batch.bytes += json.length
  }
  for (const [dialect, batch] of open) yield { dialect, pairs: batch.pairs }
}

async function post(
  gateway: GatewayConnection,
  headers: Readonly<Record<string, string>>,
  pairs: readonly ImportPair[],
  signal: AbortSignal
): Promise<Asked<Import>> {
  const parts = pairs.flatMap(({ json }, index) => (index === 0 ? [json] : [comma, json]))
  const body = Buffer.concat([Buffer.from('{"pairs":['), ...parts, Buffer.from(']}')])
  const answer = await answered(gateway, '/cache/import', headers, body, signal)
  if (!('text' in answer)) return answer
  if (answer.status !== 200) {
    const refused = refusal(answer)
    // None of these is about the pairs.
    if (answer.status === 401) throw noAdmin
    if (answer.status === 403) throw new RepriseError('unauthorized', refused.message)
    if (answer.status === 404)
      throw new RepriseError('not-found', `the gateway imports nothing, it is of another version: ${refused.message}`)
    return refused
  }
  return { ok: true, costUsd: 0, answer: { refused: refusedIn(answer.text) } }
}

const comma = Buffer.from(',')
const noAdmin = new RepriseError('unauthorized', 'the admin token was refused')

function refusedIn(text: string): ReadonlyMap<number, string> {
  const value = JSON.parse(text) as Json
  const list = isObject(value) && Array.isArray(value['refused']) ? value['refused'] : []
  return new Map(list.filter(isObject).map(({ index, reason }) => [Number(index), String(reason)]))
}
