#!/usr/bin/env node
import { RepriseError } from '../core/errors.ts'
import { serve } from './serve.ts'

const usage = `reprise: a cache for language-model calls

  reprise serve [flags]     start the gateway        (reprise serve --help)
  reprise --help            this text`

const [command, ...rest] = process.argv.slice(2)

if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
  console.log(usage)
} else if (command === 'serve') {
  serve(rest).catch(fail)
} else {
  fail(new RepriseError('invalid-option', `unknown command ${JSON.stringify(command)}; reprise --help lists all`))
}

/** What the user can mend is one line; what only we can mend comes with where it happened. */
function fail(error: unknown): void {
  console.error(error instanceof RepriseError ? `reprise: ${error.message}` : error)
  process.exitCode = 1
}
