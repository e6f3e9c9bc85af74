import { z } from 'zod'
import { type SwitchName, switchNames } from '../core/switch-names.ts'
import { fields } from './schemas.ts'

/** YAML has had `off` for a word and for false. */
const onOrOff = z.union([z.boolean(), z.enum(['on', 'off']).transform((word) => word === 'on')], 'expected on or off')

const byName = Object.fromEntries(switchNames.map((name) => [name, onOrOff.optional()])) as {
  readonly [Name in SwitchName]: z.ZodOptional<typeof onOrOff>
}

/** `switches:` of the configuration: by name, or `semantic=off,llm=off` as one text. */
export const switches = z.union([fields(byName), z.string().transform(readSwitches)])

function readSwitches(text: string, context: z.RefinementCtx): Partial<Record<SwitchName, boolean>> {
  const read: Partial<Record<SwitchName, boolean>> = {}
  for (const part of text.split(',')) {
    const [named = '', word = ''] = part.split('=').map((piece) => piece.trim())
    const name = switchNames.find((known) => known === named)
    if (name === undefined || (word !== 'on' && word !== 'off')) {
      context.addIssue({
        code: 'custom',
        message: `expected NAME=on or NAME=off, NAME being ${switchNames.join(', ')}`
      })
      return z.NEVER
    }
    read[name] = word === 'on'
  }
  return read
}
