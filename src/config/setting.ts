import type { z } from 'zod'

/** One setting: the same name as flag (`--openai-url`), in the file (`openai-url:`) and in the environment (`REPRISE_OPENAI_URL`). */
export interface Setting {
  readonly schema: z.ZodType
  /** What stands for the value in the help: `URL`. */
  readonly value: string
  readonly about: string
  /** As text, for the help; the value itself comes from where it is used. */
  readonly default?: string
  /** Not as a flag: other users of the machine see a program's flags. */
  readonly secret?: true
  /** Not as a flag: a list or a map, in the file as such, in the environment as JSON. */
  readonly structured?: true
  /** Of one that may hold secrets: the fields whose values an error may repeat. */
  readonly shown?: readonly string[]
}
