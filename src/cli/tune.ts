import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { embedding } from '../config/assemble.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import { openEmbedder } from '../embedders/open.ts'
import type { GuardLevel } from '../guards/guard.ts'
import { curve } from '../proof/curve.ts'
import { guardCounts } from '../proof/guard-report.ts'
import { judge } from '../proof/judge.ts'
import { type Pair, readPairs } from '../proof/pairs.ts'
import { sample } from '../proof/sample.ts'
import { similarities } from '../proof/similarities.ts'
import { grid, pointAt, sweep } from '../proof/sweep.ts'
import { showProgress } from './show-progress.ts'
import { type Tuned, thresholdOf, tuneReport } from './tune-report.ts'

const help = `reprise tune PAIRS.jsonl: proposes a threshold for matching by meaning, from pairs that people have labelled

  PAIRS.jsonl holds a line per pair: {"a": "...", "b": "...", "label": 1} when one answer is right for both, label 0
  when it is not.

  --embedder EMBEDDER      the one to measure: static:FOLDER, local[:MODEL], openai:MODEL, voyage:MODEL
  --embedder-url URL       where an openai: or voyage: embedder is, with /v1
  --max-wrong SHARE        of the pairs labelled 0, how many may get the other's answer (0.01)
  --guards LEVEL           off, standard or strict: what to propose a threshold for; all are measured (standard)
  --min-similarity COSINE  show the figures at this threshold too
  --limit N                take N pairs by chance (all)
  --balance                take as many pairs labelled 1 as labelled 0
  --seed N                 another seed takes other pairs (1)
  --examples N             show N wrong hits that remain and N right hits that guards cost (0)
  --json FILE              write all figures
  --plot FILE.svg          write the curve as a picture
  --config FILE            settings as reprise serve reads them
  --help                   this text

What a gateway is set up with counts here too: REPRISE_EMBEDDER, REPRISE_EMBEDDER_KEY, REPRISE_GUARDS,
REPRISE_MIN_SIMILARITY, and the same in the file.`

/** What the command works with; a test brings its own. */
export interface TuneSurroundings {
  readonly open?: typeof openEmbedder
  readonly environment?: NodeJS.ProcessEnv
  /** Where the result goes, and where what is going on. */
  readonly output?: Sink
  readonly progress?: Sink
}

interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

interface TuneOptions {
  readonly file: string
  readonly embedder: string
  /** Where it is found, and what opens it. */
  readonly settings: Settings
  readonly maxWrong: number
  readonly level: GuardLevel
  readonly asked: number | undefined
  readonly limit: number | undefined
  readonly isBalanced: boolean
  readonly seed: number
  readonly examples: number
  readonly json: string | undefined
  readonly plot: string | undefined
}

/**
 * Measures on labelled pairs what a threshold costs and saves, and proposes one.
 * @throws RepriseError `invalid-option` naming the flag or the line that cannot be read; whatever the embedder throws.
 */
export async function tune(flags: readonly string[], surroundings: TuneSurroundings = {}): Promise<void> {
  const { environment = process.env, output = process.stdout, progress = process.stderr } = surroundings
  const { open = openEmbedder } = surroundings
  if (flags.includes('--help') || flags.includes('-h')) {
    output.write(`${help}\n`)
    return
  }
  const options = readOptions(flags, environment)
  // Before anything is paid for.
  for (const file of [options.json, options.plot]) if (file !== undefined) checkWritable(file)
  const read: Pair[] = []
  for await (const pair of readPairs(options.file)) read.push(pair)
  const pairs = sample(read, {
    isBalanced: options.isBalanced,
    seed: options.seed,
    ...(options.limit === undefined ? {} : { limit: options.limit })
  })
  // Says what is missing before the embedder is asked.
  sweep(judge(pairs, new Float64Array(pairs.length).fill(-1)), options.maxWrong)

  const embedder = await open(options.embedder, embedding(options.settings, showProgress()))
  try {
    const cosines = await similarities(pairs, embedder, { onProgress: progressLine(progress) })
    const floor = Math.min(grid[0] ?? 0, options.asked ?? 1, embedder.minSimilarity)
    const judged = judge(pairs, cosines, { floor })
    const { level, asked, examples } = options
    const tuned: Tuned = { sweep: sweep(judged, options.maxWrong), judged, embedder, level, asked, examples }
    const { same, different } = tuned.sweep
    const title = `${options.file} with ${embedder.model}`
    output.write(`${title}: ${counted(same)} pairs of the same meaning, ${counted(different)} of another\n\n`)
    output.write(`${tuneReport(tuned, output.columns ?? 80)}\n`)
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(record(tuned, options, read.length), undefined, 2)}\n`)
    if (options.plot !== undefined) writeFileSync(options.plot, curve(tuned.sweep, title))
  } finally {
    await embedder.close()
  }
}

function readOptions(flags: readonly string[], environment: NodeJS.ProcessEnv): TuneOptions {
  const { values, positionals } = parse(flags)
  const [file, ...others] = positionals
  if (file === undefined || others.length > 0)
    throw invalid(
      `expected one file of labelled pairs, got ${positionals.length === 0 ? 'none' : positionals.join(' ')}`
    )
  // The settings that are flags here too; what is wrong with one is said there.
  const shared = (['embedder', 'embedder-url', 'guards', 'min-similarity', 'config'] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}=${values[name]}`]
  )
  const settings = loadSettings(shared, environment)
  const { embedder } = settings
  if (embedder === undefined) throw invalid('expected an embedder: --embedder EMBEDDER or REPRISE_EMBEDDER, got none')
  return {
    file,
    embedder,
    settings,
    level: settings.guards ?? 'standard',
    maxWrong: number('max-wrong', values['max-wrong'], 0, 1) ?? 0.01,
    asked: settings['min-similarity'],
    limit: whole('limit', values.limit, 2),
    isBalanced: values.balance === true,
    seed: whole('seed', values.seed, 0) ?? 1,
    examples: whole('examples', values.examples, 0) ?? 0,
    json: values.json,
    plot: values.plot
  }
}

function parse(flags: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...flags],
      strict: true,
      allowPositionals: true,
      options: {
        embedder: text,
        'embedder-url': text,
        config: text,
        'max-wrong': text,
        guards: text,
        'min-similarity': text,
        limit: text,
        balance: { type: 'boolean' },
        seed: text,
        examples: text,
        json: text,
        plot: text
      }
    })
  } catch (error) {
    throw invalid(messageOf(error).split(/\.\s/)[0] ?? '', error)
  }
}

function number(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= least && value <= most))
    throw invalid(`--${name}: expected a number from ${least} to ${most}, got ${JSON.stringify(text)}`)
  return value
}

function whole(name: string, text: string | undefined, least: number): number | undefined {
  const value = number(name, text, least, Number.MAX_SAFE_INTEGER)
  if (value !== undefined && !Number.isInteger(value))
    throw invalid(`--${name}: expected a whole number, got ${JSON.stringify(text)}`)
  return value
}

function invalid(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', `${message} (reprise tune --help lists all flags)`, { cause })
}

function checkWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
  } catch (error) {
    throw new RepriseError('invalid-option', `cannot write ${file}: ${messageOf(error)}`, { cause: error })
  }
}

/** One line that is written anew on a terminal; elsewhere one at every tenth. */
function progressLine(sink: Sink): (done: number, total: number) => void {
  let told = 0
  return (done, total) => {
    const line = `embedding: ${counted(done)} of ${counted(total)} texts`
    if (sink.isTTY === true) {
      sink.write(`\r${line}\u001B[K${done === total ? '\n' : ''}`)
      return
    }
    const tenth = Math.floor((done / total) * 10)
    if (tenth > told) sink.write(`${line}\n`)
    told = tenth
  }
}

/** What `--json` writes: all that the report is made of, and what it was measured on. */
function record(tuned: Tuned, { file, isBalanced, seed }: TuneOptions, read: number): object {
  const { judged, asked, embedder, level } = tuned
  const { same, different, maxWrong, levels } = tuned.sweep
  return {
    pairs: { file, read, used: same + different, same, different, isBalanced, seed },
    embedder: { name: embedder.name, model: embedder.model, minSimilarity: embedder.minSimilarity },
    maxWrong,
    guards: level,
    levels: levels.map((each) => ({
      level: each.level,
      proposed: each.proposed ?? null,
      sure: each.sure ?? null,
      ...(asked === undefined ? {} : { asked: pointAt(judged, each.level, asked) }),
      guards: {
        minSimilarity: thresholdOf(tuned, each),
        counts: guardCounts(judged, each.level, thresholdOf(tuned, each))
      },
      points: each.points
    }))
  }
}

function counted(count: number): string {
  return count.toLocaleString('en')
}
