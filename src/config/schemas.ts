import { z } from 'zod'
import { parseBytes, parseDuration } from '../core/duration.ts'

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

export const cosine = z.coerce.number().gt(0).lte(1)

export const url = z.url({ protocol: /^https?$/, error: 'expected a URL that begins with http:// or https://' })

/** Two durations, the shorter one first: `10m..7d`. */
export const durationRange = z.string().transform((text, context) => {
  const [min, max, ...more] = text.split('..')
  const range = {
    minMs: read(() => parseDuration(min ?? ''), context),
    maxMs: read(() => parseDuration(max ?? ''), context)
  }
  if (more.length === 0 && range.minMs <= range.maxMs) return range
  context.addIssue({ code: 'custom', message: 'expected two durations, the shorter one first, such as 10m..7d' })
  return z.NEVER
})

/** Above 0 and below 1. */
export const share = z.coerce.number().gt(0).lt(1)

/** What a list or a map is: itself in the file, JSON in an environment variable. */
export function structured<Schema extends z.ZodType>(schema: Schema): z.ZodType<z.output<Schema>> {
  return z.preprocess((value) => {
    if (typeof value !== 'string') return value
    try {
      return JSON.parse(value) as unknown
    } catch {
      return value
    }
  }, schema)
}

function read(parse: () => number, context: z.RefinementCtx): number {
  try {
    return parse()
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: error instanceof Error ? error.message.replace(/^\w+: /, '') : String(error)
    })
    return z.NEVER
  }
}
