import { z } from 'zod'
import { parseBytes, parseDuration } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'

/** A duration, as milliseconds. */
export const duration = z
  .union([z.string(), z.number()])
  .transform((value, context) => read(() => parseDuration(value), context))

/** A duration as it is written, found to be one. */
export const writtenDuration = z.union([z.string(), z.number().nonnegative()]).superRefine((value, context) => {
  read(() => parseDuration(value), context)
})

/** A size, as bytes. */
export const bytes = z
  .union([z.string(), z.number()])
  .transform((value, context) => read(() => parseBytes(value), context))

/** A number; in a flag or a variable it is written as text. What is neither is no number, whatever it could be made into. */
export function numeric(schema: z.ZodNumber): z.ZodType<number> {
  return z.preprocess((value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value), schema)
}

/** A map with none but these fields. */
export function fields<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys' ? `expected fields among ${Object.keys(shape).join(', ')}` : undefined
  })
}

export const cosine = numeric(z.number().gt(0).lte(1))

export const url = z.url({ protocol: /^https?$/, error: 'expected a URL that begins with http:// or https://' })

const written = z.union([z.string(), z.number()])

/** Two durations, the shorter one first, as they are written: `10m..7d`, or apart. */
export const writtenRange = z
  .union([
    z.string().transform((text) => {
      const [min, max, ...more] = text.split('..')
      // What has three parts has no end.
      return { min: min ?? '', max: more.length === 0 ? (max ?? '') : '' }
    }),
    fields({ min: written, max: written })
  ])
  .superRefine(({ min, max }, context) => {
    try {
      if (parseDuration(min) <= parseDuration(max)) return
    } catch {
      // Said below.
    }
    context.addIssue({ code: 'custom', message: 'expected two durations, the shorter one first, such as 10m..7d' })
  })

/** The same, as milliseconds. */
export const durationRange = writtenRange.transform(({ min, max }) => ({
  minMs: parseDuration(min),
  maxMs: parseDuration(max)
}))

/** The share of its time to live after which something happens to an entry; 1: never. */
export const eagerShare = numeric(z.number().gt(0).lte(1))

/** The share of its time to live by which an entry may live shorter. */
export const jitterShare = numeric(z.number().gte(0).lt(1))

function read(parse: () => number, context: z.RefinementCtx): number {
  try {
    return parse()
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error).replace(/^\w+: /, '') })
    return z.NEVER
  }
}

/** A switch as it is written, as true or false. */
export const onOff = z
  .union([z.boolean(), z.enum(['on', 'off', 'true', 'false'])])
  .transform((value) => value === true || value === 'on' || value === 'true')
