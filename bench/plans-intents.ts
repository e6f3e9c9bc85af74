import { checkIntents } from './plans-intents-checks.ts'
import { moduleIntents } from './plans-intents-modules.ts'
import { projectIntents } from './plans-intents-project.ts'

export type Role = 'outline' | 'shared' | 'operations' | 'design' | 'code' | 'tests' | 'docs' | 'review' | 'summary'

/** Something that can be asked, in several wordings that ask for the same. */
export interface Intent {
  /** `design-3`. */
  readonly id: string
  readonly role: Role
  /** With `{name}` where a value goes. */
  readonly wordings: readonly string[]
  /** What each of its own parameters can be. Another value is another question. */
  readonly parameters: ReadonlyMap<string, readonly string[]>
}

/** What goes into a wording: the intent's own parameters, and the plan's: service, module, language, store. */
export type Values = Readonly<Record<string, string>>

/** All there are. */
export const intents: readonly Intent[] = [moduleIntents, checkIntents, projectIntents].flatMap(read)

/** The question, as it is sent. @throws Error where a value is missing */
export function worded({ id, wordings }: Intent, wording: number, values: Values): string {
  const template = wordings[wording % wordings.length] ?? ''
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${id}: no value for ${name}`)
    return value
  })
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What is asked for, whatever the words: those of its values that the intent speaks of. */
export function meaningOf({ id, wordings }: Intent, values: Values): string {
  const names = new Set(wordings.flatMap((wording) => [...wording.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)))
  return `${id} ${[...names]
    .sort()
    .map((name) => `${name}=${values[name]}`)
    .join(' ')}`
}

function read(text: string): readonly Intent[] {
  return text
    .split(/^# /m)
    .slice(1)
    .flatMap((section) => {
      const [role = '', ...blocks] = section.trim().split(/\n\s*\n|(?<=^\w+)\n/)
      return blocks.map((block, index) => intent(role as Role, index, block.split('\n')))
    })
}

function intent(role: Role, index: number, lines: readonly string[]): Intent {
  const parameters = new Map<string, readonly string[]>()
  const wordings = lines.map((line) =>
    line.replace(/\{(\w+):([^}]+)\}/g, (_, name: string, values: string) => {
      parameters.set(name, values.split('|'))
      return `{${name}}`
    })
  )
  return { id: `${role}-${index + 1}`, role, wordings, parameters }
}
