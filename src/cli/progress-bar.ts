/** Where progress is shown: the standard error, or what stands for it. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface ProgressBarOptions {
  /** How many there are to be done. */
  readonly total: number
  readonly stream: ProgressStream
  /** For NO_COLOR and TERM. Default: the process's own. */
  readonly environment?: NodeJS.ProcessEnv
  /** Milliseconds. Default: the clock. */
  readonly now?: () => number
}

export interface ProgressBar {
  /**
   * How many are done, and what else is to be said, the most important first: where the line is too narrow the last are
   * left out. Rate and time left come behind these by themselves.
   */
  update(done: number, parts?: readonly string[]): void
  /** Writes a line that stays. */
  print(line: string): void
  /** Takes the bar away. */
  end(): void
}

const drawnEveryMs = 100
const toldEveryMs = 5000
const sampledEveryMs = 500
/** The rate is that of the last ten seconds: what is a hit goes faster than what is asked. */
const mostSamples = 20
const widestBar = 30
const narrowestBar = 10

/** Shows how far something is: a bar that is drawn anew on a terminal, at most 10 times a second; elsewhere a line every 5 s. */
export function progressBar({
  total,
  stream,
  environment = process.env,
  now = Date.now
}: ProgressBarOptions): ProgressBar {
  const isTerminal = stream.isTTY === true && environment['TERM'] !== 'dumb'
  const isColoured = isTerminal && (environment['NO_COLOR'] ?? '') === ''
  const samples: { readonly atMs: number; readonly done: number }[] = []
  let state: { done: number; parts: readonly string[] } = { done: 0, parts: [] }
  let drawnMs = Number.NEGATIVE_INFINITY
  let toldMs = now()
  let isShown = false
  let later: NodeJS.Timeout | undefined

  function draw(): void {
    clearTimeout(later)
    later = undefined
    drawnMs = now()
    isShown = true
    stream.write(`\r${drawn()}\u001b[K`)
  }

  function drawn(): string {
    // The last column stays free: a terminal that is full goes on in the next line.
    const width = (stream.columns || 80) - 1
    const texts = [counted(), ...state.parts, ...pace()]
    while (texts.length > 1 && texts.join('  ').length > width) texts.pop()
    const text = texts.join('  ').slice(0, Math.max(0, width))
    const room = Math.min(widestBar, width - text.length - 1)
    if (room < narrowestBar) return text
    const filled = Math.round(share() * room)
    const [begin, end] = isColoured ? ['\u001b[32m', '\u001b[0m'] : ['', '']
    return `${begin}${'█'.repeat(filled)}${end}${'░'.repeat(room - filled)} ${text}`
  }

  function share(): number {
    return total === 0 ? 1 : Math.min(1, state.done / total)
  }

  function counted(): string {
    return `${state.done}/${total} ${Math.floor(share() * 100)}%`
  }

  function sample(): void {
    const atMs = now()
    const last = samples.at(-1)
    if (last !== undefined && atMs - last.atMs < sampledEveryMs) return
    samples.push({ atMs, done: state.done })
    if (samples.length > mostSamples) samples.shift()
  }

  function pace(): readonly string[] {
    const [first] = samples
    const seconds = first === undefined ? 0 : (now() - first.atMs) / 1000
    const did = first === undefined ? 0 : state.done - first.done
    if (seconds < 1 || did <= 0) return []
    const perSecond = did / seconds
    return [
      `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`,
      `${duration((total - state.done) / perSecond)} left`
    ]
  }

  return {
    update(done, parts = []) {
      state = { done, parts }
      sample()
      const sinceMs = now() - drawnMs
      if (!isTerminal) {
        if (now() - toldMs < toldEveryMs) return
        toldMs = now()
        stream.write(`${[counted(), ...parts, ...pace()].join(', ')}\n`)
      } else if (sinceMs >= drawnEveryMs) draw()
      else later ??= setTimeout(draw, drawnEveryMs - sinceMs).unref()
    },
    print(line) {
      stream.write(`${isShown ? '\r\u001b[K' : ''}${line}\n`)
      if (isShown) draw()
    },
    end() {
      clearTimeout(later)
      later = undefined
      if (isShown) stream.write('\r\u001b[K')
      isShown = false
    }
  }
}

/** Seconds in words: `7 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60
  ]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}
