import { columnsOf, cutTo } from './columns.ts'
import { plural } from './figures.ts'
import { duration } from './progress-bar.ts'
import { Screen, type ScreenStream } from './run-screen.ts'
import { type RunTally, settledIn, sumOf, type WaveTally } from './run-tally.ts'
import { oneLine } from './table.ts'

export interface PlanDisplayOptions {
  readonly tally: RunTally
  readonly stream: ScreenStream
  /** For NO_COLOR, FORCE_COLOR and TERM. Default: the process's own. */
  readonly environment?: NodeJS.ProcessEnv
  /** Milliseconds. Default: the clock. */
  readonly now?: () => number
}

/** Shows a plan while it runs. */
export interface PlanDisplay {
  /** Something is another than it was. */
  changed(): void
  /** @param wave from 1 */
  waveEnded(wave: number): void
  /** What is being waited for, in place of atoms under way; undefined: nothing. */
  waiting(what: string | undefined): void
  /** Writes a line that stays. */
  print(line: string): void
  /** Takes away what is drawn over. */
  end(): void
}

const drawnEveryMs = 125
const toldEveryMs = 10_000
const mostWaves = 8
const widestBar = 24
const narrowestBar = 5
/** An atom that takes longer than that is shown with how long it has been. */
const longMs = 5000

/**
 * On a terminal a few lines that are drawn over, at most 8 times a second: waves, all of them, atoms under way and the
 * time left. Elsewhere a line when a wave ends, and one every 10 s.
 */
export function planDisplay({
  tally,
  stream,
  environment = process.env,
  now = Date.now
}: PlanDisplayOptions): PlanDisplay {
  const isTerminal = stream.isTTY === true && environment['TERM'] !== 'dumb'
  const isColoured = coloured(isTerminal, environment)
  const screen = new Screen(stream)
  let drawnMs = Number.NEGATIVE_INFINITY
  let toldMs = now()
  let later: NodeJS.Timeout | undefined
  let clock: NodeJS.Timeout | undefined
  let waiting: string | undefined

  function draw(): void {
    clearTimeout(later)
    later = undefined
    drawnMs = now()
    const { columns, rows } = screen
    screen.draw(planLines(tally, { columns, rows, isColoured, nowMs: drawnMs, waiting }))
  }

  function changed(): void {
    if (!isTerminal) {
      if (now() - toldMs < toldEveryMs) return
      toldMs = now()
      stream.write(`${[plainly(tally.all), ...(waiting === undefined ? left(tally) : [waiting])].join(', ')}\n`)
      return
    }
    // While nothing happens the seconds go on.
    clock ??= setInterval(draw, 1000).unref()
    const sinceMs = now() - drawnMs
    if (sinceMs >= drawnEveryMs) draw()
    else later ??= setTimeout(draw, drawnEveryMs - sinceMs).unref()
  }

  return {
    changed,
    waiting(what) {
      waiting = what
      changed()
    },
    waveEnded(wave) {
      const ended = tally.waves[wave - 1]
      if (isTerminal || ended === undefined) return
      toldMs = now()
      stream.write(`wave ${wave} of ${tally.waves.length}: ${plainly(ended)}\n`)
    },
    print(line) {
      if (isTerminal) screen.print(oneLine(line))
      else stream.write(`${oneLine(line)}\n`)
    },
    end() {
      clearTimeout(later)
      clearInterval(clock)
      later = undefined
      clock = undefined
      if (isTerminal) screen.clear()
    }
  }
}

function coloured(isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false
  const forced = environment['FORCE_COLOR']
  return forced === undefined ? isTerminal : forced !== '0' && forced !== 'false'
}

function plainly(tally: WaveTally): string {
  return [`${settledIn(tally)}/${tally.total} done`, ...parts(tally).filter((part) => part !== '')].join(', ')
}

/** In the same places for each wave; the most important first. */
function parts({ kept, hits, failed, skipped, spentUsd, savedUsd, unpriced }: WaveTally): string[] {
  return [
    hits === 0 ? '' : plural(hits, 'hit', 'hits'),
    failed === 0 ? '' : `${failed} failed`,
    spentUsd === 0 && unpriced === 0 ? '' : `${shortly(spentUsd)}${unpriced === 0 ? '' : '+?'}`,
    savedUsd === 0 ? '' : `saved ${shortly(savedUsd)}`,
    skipped === 0 ? '' : `${skipped} left out`,
    kept === 0 ? '' : `${kept} from before`
  ]
}

/** US dollars with as many digits in each row: they stand below each other. */
function shortly(usd: number): string {
  if (usd > 0 && usd < 0.0001) return '<$0.0001'
  return `$${usd.toFixed(usd >= 1 ? 2 : 4)}`
}

function left(tally: RunTally): string[] {
  const ms = tally.leftMs()
  return ms === undefined || ms === 0 ? [] : [`about ${duration(ms / 1000)} left`]
}

/** What a terminal is like, and when. */
export interface View {
  readonly columns: number
  readonly rows: number
  readonly isColoured: boolean
  readonly nowMs: number
  /** What is being waited for, in place of atoms under way. */
  readonly waiting?: string | undefined
}

interface Row {
  readonly label: string
  readonly tally: WaveTally
}

/** The lines that are drawn. None of them fills the last column. */
export function planLines(tally: RunTally, { columns, rows, isColoured, nowMs, waiting }: View): string[] {
  const width = Math.max(0, columns - 1)
  const shown = [
    ...waveRows(tally.waves, Math.max(1, Math.min(mostWaves, rows - 4))),
    { label: 'all', tally: tally.all }
  ]
  const lines = tally.waves.length === 1 ? shown.slice(-1) : shown
  const below = waiting === undefined ? underWay(tally, nowMs, width) : [cutTo(oneLine(waiting), width)]
  return [...aligned(lines, width, isColoured), ...below].slice(-Math.max(1, rows - 1))
}

/** A row for each wave; where there are too many, those that are over in one, and those that come later in another. */
function waveRows(waves: readonly WaveTally[], most: number): Row[] {
  const rowOf = (from: number, to: number): Row => ({
    label: to - from === 1 ? `wave ${to}` : `waves ${from + 1}-${to}`,
    tally: sumOf(waves.slice(from, to))
  })
  if (waves.length <= most) return waves.map((_, at) => rowOf(at, at + 1))
  const open = waves.findIndex((wave) => settledIn(wave) < wave.total)
  const over = open < 0 ? waves.length : open
  const end = Math.min(waves.length, over + Math.max(1, most - 2))
  const rows = over === 0 ? [] : [rowOf(0, over)]
  for (let at = over; at < end; at++) rows.push(rowOf(at, at + 1))
  return end === waves.length ? rows : [...rows, rowOf(end, waves.length)]
}

/** Label, bar, and figures below each other; where it is too narrow the last figures are left out, and then the bar. */
function aligned(rows: readonly Row[], width: number, isColoured: boolean): string[] {
  const labels = rows.map(({ label }) => label)
  const figures = rows.map(({ tally }) => [`${settledIn(tally)}/${tally.total}`, ...parts(tally)])
  const widths = (figures[0] ?? []).map((_, column) => Math.max(...figures.map((row) => row[column]?.length ?? 0)))
  const labelWidth = Math.max(...labels.map((label) => label.length))
  let taken = widths.length
  // What is empty in all rows takes no place.
  const needed = (): number =>
    labelWidth + widths.slice(0, taken).reduce((sum, wide) => sum + (wide === 0 ? 0 : wide + 2), 0)
  while (taken > 1 && needed() + narrowestBar + 2 > width) taken -= 1
  const room = Math.min(widestBar, width - needed() - 2)
  return rows.map(({ label, tally }, at) => {
    const cells = widths.slice(0, taken).flatMap((wide, column) => {
      return wide === 0 ? [] : [(figures[at]?.[column] ?? '').padStart(wide)]
    })
    const before = [label.padEnd(labelWidth), ...(room < narrowestBar ? [] : [bar(tally, room, isColoured)])]
    const text = [...before, ...cells].join('  ').trimEnd()
    return room < narrowestBar ? cutTo(text, width) : text
  })
}

/** Hits in green, what was paid for in blue, what failed or was left out in red. */
function bar(tally: WaveTally, room: number, isColoured: boolean): string {
  const { total, kept, hits, asked } = tally
  const share = (count: number): number => (total === 0 ? room : Math.round((count / total) * room))
  const [free, paid, all] = [share(kept + hits), share(kept + hits + asked), share(settledIn(tally))]
  const inColour = (code: number, columns: number): string => {
    if (columns === 0) return ''
    const text = '█'.repeat(columns)
    return isColoured ? `\u001b[${code}m${text}\u001b[0m` : text
  }
  return inColour(32, free) + inColour(34, paid - free) + inColour(31, all - paid) + '░'.repeat(room - all)
}

function underWay(tally: RunTally, nowMs: number, width: number): string[] {
  const names = [...tally.underWay].map(([atom, startedMs]) => {
    const tookMs = nowMs - startedMs
    return oneLine(tookMs < longMs ? atom : `${atom} ${duration(Math.floor(tookMs / 1000))}`)
  })
  const time = left(tally)
  if (names.length === 0) return time.map((line) => cutTo(line, width))
  const begin = [...time, 'asking '].join(', ')
  let text = ''
  for (const [at, name] of names.entries()) {
    const next = `${text}${at === 0 ? '' : ', '}${name}`
    const more = names.length - at - 1
    const all = `${begin}${next}${more === 0 ? '' : ` and ${more} more`}`
    // The first is always named, and cut when it has to be.
    if (at > 0 && columnsOf(all) > width) return [cutTo(`${begin}${text} and ${names.length - at} more`, width)]
    text = next
  }
  return [cutTo(`${begin}${text}`, width)]
}
