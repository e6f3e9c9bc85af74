import { z } from 'zod'
import { isObject } from '../core/json.ts'
import type { Condition } from '../router/condition.ts'
import { duration, fields, url } from './schemas.ts'

const count = z.number().int().nonnegative()
const price = z.number().nonnegative()
const name = z.string().regex(/^[\w.-]{1,64}$/, 'expected a name of letters, digits, ., _ or -')
const statuses = z.array(z.number().int().min(400).max(599))
/** A key that has ended up here is none that anybody reads. */
const variable = z.string().regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable, not what is in it')

/** `providers:` of the configuration. Keys stand in the environment or in files of their own rather than here. */
export const providers = z.record(
  name,
  fields({
    kind: z
      .enum(['openai', 'anthropic', 'azure', 'ollama', 'vllm', 'openrouter', 'groq', 'mistral', 'gemini', 'compatible'])
      .optional(),
    url: url.optional(),
    key: z.string().min(1).optional(),
    'key-env': variable.optional(),
    'key-file': z.string().min(1).optional(),
    'pass-credential': z.boolean().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    'api-version': z.string().min(1).optional(),
    deployments: z.record(z.string(), z.string()).optional(),
    'connect-timeout': duration.optional(),
    timeout: duration.optional(),
    concurrency: z.number().int().positive().optional(),
    prices: z
      .record(
        z.string(),
        fields({
          input: price,
          output: price,
          'cached-input': price.optional(),
          'cache-write': price.optional(),
          reasoning: price.optional(),
          batch: price.optional()
        })
      )
      .optional()
  })
)

/** `routes:` of the configuration. */
export const routes = z.array(
  fields({
    model: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    strategy: z.enum(['fallback', 'loadbalance']).optional(),
    targets: z
      .array(
        z.union([
          z.string().min(1),
          fields({
            provider: z.string().min(1),
            model: z.string().min(1).optional(),
            weight: z.number().nonnegative().optional(),
            order: z.number().optional(),
            when: z.custom<Condition>(isObject, 'expected a condition, such as { tenant: team-a }').optional(),
            timeout: duration.optional()
          })
        ])
      )
      .min(1),
    retry: z
      .strictObject({
        attempts: count.optional(),
        'on-status-codes': statuses.optional(),
        'max-wait': duration.optional()
      })
      .optional(),
    'fallback-on': statuses.optional(),
    deadline: duration.optional(),
    breaker: z
      .strictObject({ failures: z.number().int().positive().optional(), 'left-out': duration.optional() })
      .optional(),
    'store-fallbacks': z.boolean().optional()
  })
)

/** `budgets:` of the configuration. Limits in US dollars. */
export const budgets = z.array(
  fields({
    name: z.string().min(1),
    limit: z.union([
      z.number().nonnegative(),
      z
        .string()
        .regex(/^\$?\d+(\.\d+)?$/, 'expected US dollars, such as 25 or $2.50')
        .transform((text) => Number(text.replace('$', '')))
    ]),
    period: z.enum(['total', 'day', 'month']).optional(),
    tenant: z.string().min(1).optional(),
    tag: z.string().min(1).optional(),
    model: z.string().min(1).optional(),
    per: z.enum(['tenant', 'tag', 'model']).optional()
  })
)

/** `tenants:` of the configuration: by name, the variables of the environment that hold the keys they call with. */
export const tenants = z.record(name, fields({ 'key-env': z.union([variable, z.array(variable).min(1)]) }))
