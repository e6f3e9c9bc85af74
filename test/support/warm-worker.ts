import { UsageError } from '../../src/cli/usage-error.ts'
import { warm } from '../../src/cli/warm.ts'
import { RepriseError } from '../../src/core/errors.ts'

/** `reprise warm` as a process of its own, with the flags that it is started with: to be killed and interrupted. */
warm(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof RepriseError ? `reprise: ${error.message}` : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
})
