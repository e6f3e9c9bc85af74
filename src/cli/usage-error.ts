import { RepriseError } from '../core/errors.ts'

/** A command was called wrongly: the program ends with status 2, so that a script can tell it from what went wrong. */
export class UsageError extends RepriseError {
  readonly exitCode = 2

  /** @param command whose `--help` lists what it takes */
  constructor(command: string, message: string, cause?: unknown) {
    super('invalid-option', `${message} (reprise ${command} --help lists all flags)`, { cause })
  }
}
