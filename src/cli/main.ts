#!/usr/bin/env node
import { createRequire } from 'node:module'
import { RepriseError } from '../core/errors.ts'
import { UsageError } from './usage-error.ts'

const usage = `reprise: a cache for language-model calls

  reprise serve [flags]              start the gateway                       (reprise serve --help)
  reprise stats                      what it has answered and saved          (reprise stats --help)
  reprise invalidate --tag run:7     take entries out of it                  (reprise invalidate --help)
  reprise warm REQUESTS.jsonl        ask beforehand, or import answers       (reprise warm --help)
  reprise run PLAN.yaml              ask all that a plan asks, in waves      (reprise run --help)
  reprise switch [NAME on|off]       switch layers and kinds                 (reprise switch --help)
  reprise explain REQUEST.json       why a request hits the cache, or not    (reprise explain --help)
  reprise tune PAIRS.jsonl           propose a threshold from labelled pairs (reprise tune --help)
  reprise --version                  which version this is
  reprise --help                     this text`

/** Each in a file of its own that is read when it is asked for. */
const commands: Readonly<Record<string, (flags: readonly string[]) => Promise<void>>> = {
  serve: async (flags) => (await import('./serve.ts')).serve(flags),
  stats: async (flags) => (await import('./stats.ts')).stats(flags),
  invalidate: async (flags) => (await import('./invalidate.ts')).invalidate(flags),
  warm: async (flags) => (await import('./warm.ts')).warm(flags),
  run: async (flags) => (await import('./run.ts')).run(flags),
  switch: async (flags) => (await import('./switch.ts')).switchCommand(flags),
  explain: async (flags) => (await import('./explain.ts')).explain(flags),
  tune: async (flags) => (await import('./tune.ts')).tune(flags)
}

const [name, ...flags] = process.argv.slice(2)

if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  console.log(usage)
} else if (name === '--version' || name === '-v') {
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
  console.log(version)
} else {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    fail(new RepriseError('invalid-option', `unknown command ${JSON.stringify(name)}; reprise --help lists all`))
  } else {
    let isOver = false
    command(flags)
      .catch(fail)
      .finally(() => {
        isOver = true
      })
    // Nothing is waited for any more, and it is not done: without this it would look as if all were well.
    process.once('beforeExit', () => {
      if (!isOver)
        fail(new RepriseError('internal', `${name} has come to a halt before its end: this is a mistake of reprise`))
    })
  }
}

/** What the user can mend is one line; what only we can mend comes with where it happened. */
function fail(error: unknown): void {
  // It may quote what a server says or a file holds: nothing of that moves a cursor, or begins a line but in a list.
  const said =
    error instanceof RepriseError ? error.message.replace(/[^\P{Cc}\n]|\n(?! {2})|\p{Bidi_Control}/gu, ' ') : undefined
  console.error(said === undefined ? error : `reprise: ${said}`)
  // A plan that is none is the mistake of who has named it, too.
  const isMisuse = error instanceof UsageError || (error instanceof RepriseError && error.code === 'invalid-plan')
  process.exitCode = isMisuse ? 2 : 1
}
