import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

export interface Program {
  readonly process: ChildProcess
  /** What it has printed so far. */
  readonly output: () => string
  readonly errors: () => string
  /** Its exit code, once it has ended; a signal's name when one ended it. */
  readonly ended: Promise<number | string | null>
}

let folder: string | undefined

function cacheFolder(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'reprise-program-'))
  return folder
}

process.once('exit', () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** Starts `reprise` as a user does, from what was built, with an environment of its own. */
export function startProgram(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, [main, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A token that it makes is not to lie among the user's own.
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      XDG_CACHE_HOME: cacheFolder(),
      ...environment
    }
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal))
  )
  return { process: child, output: () => output, errors: () => errors, ended }
}

/** The address that a starting gateway prints. */
export async function listening(program: Program): Promise<string> {
  let over = false
  void program.ended.then(() => {
    over = true
  })
  for (;;) {
    const found = /listens on (http:\/\/\S+)/.exec(program.output())?.[1]
    if (found !== undefined) return found
    if (over) throw new Error(`it ended before it listened: ${program.output()}${program.errors()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
