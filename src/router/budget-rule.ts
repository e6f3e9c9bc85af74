import { hash } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'
import { patternMatcher } from '../core/pattern.ts'
import { maxUsd, nanoOf } from './budget-money.ts'
import type { BudgetPeriod } from './budget-period.ts'

/** What may be spent. Money in US dollars. */
export interface BudgetOptions {
  /** For errors and lists; also what it is counted under. Unique. */
  readonly name: string
  readonly limitUsd: number
  /** When it begins anew: never, at midnight, or on the first of the month (UTC). Default: `total`. */
  readonly period?: BudgetPeriod
  /** Counts only calls of these tenants, tags or models; `*` stands for any run of characters. Default: all. */
  readonly tenant?: string
  readonly tag?: string
  readonly model?: string
  /** Each tenant, tag or model has a budget of its own. Default: all that fit share one. */
  readonly per?: 'tenant' | 'tag' | 'model'
}

/** Whose call it is. */
export interface Charged {
  readonly tenant: string | undefined
  readonly tags: readonly string[]
  /** The model that is asked; undefined: nobody knows, and it falls under the budgets of all models. */
  readonly model: string | undefined
}

/** A budget that has been looked through. */
export interface BudgetRule {
  readonly name: string
  /** In billionths of a dollar. */
  readonly limit: number
  readonly period: BudgetPeriod
  readonly per: BudgetOptions['per']
  /** For whom a call is counted; none: it does not fall under this budget. Undefined: for all together. */
  whoOf(call: Charged): readonly (string | undefined)[]
}

const dimensions = ['tenant', 'tag', 'model'] as const

/**
 * Reads the budgets. Those of few come first: whoever is over a budget of his own is not to hold on to what all share,
 * not even for a moment.
 * @throws RepriseError `invalid-option` naming the budget, what was expected and got
 */
export function budgetRules(options: readonly BudgetOptions[]): readonly BudgetRule[] {
  const names = new Set<string>()
  for (const { name } of options) {
    checkName(name)
    if (names.has(name))
      throw new RepriseError(
        'invalid-option',
        `budgets: two are named ${JSON.stringify(name)}; each needs its own name`
      )
    names.add(name)
  }
  const isForAll = (option: BudgetOptions): boolean =>
    option.per === undefined && dimensions.every((dimension) => option[dimension] === undefined)
  return [...options.filter((option) => !isForAll(option)), ...options.filter(isForAll)].map(ruleOf)
}

/** What all of one budget is counted under: period and person are told apart, and one name never begins another. */
export function countedUnder({ name, per }: BudgetRule, period: string, who: string | undefined): string {
  // Not the name of a tenant, and of one length: names of tags and models can be of any.
  const whom = who === undefined ? '' : `:${hash('sha256', `${per}:${who}`, 'hex').slice(0, 32)}`
  return `budget:${encodeURIComponent(name)}:${period}${whom}`
}

/** A budget's name for people. A tenant is shown by its beginning. */
export function labelOf({ name, per }: BudgetRule, who: string | undefined): string {
  if (who === undefined) return name
  if (who === '') return `${name} (no ${per})`
  const [longest, shown] = per === 'tenant' ? [12, 8] : [64, 64]
  const whom = who.length > longest ? `${who.slice(0, shown)}...` : who
  // Callers name models as they like, and half a character can neither be written in a header nor in UTF-8.
  return `${name} (${Buffer.from(whom).toString()})`
}

function ruleOf(options: BudgetOptions): BudgetRule {
  const { name, limitUsd, period = 'total', per } = options
  const limit = typeof limitUsd === 'number' && limitUsd >= 0 && limitUsd <= maxUsd ? nanoOf(limitUsd) : undefined
  if (limit === undefined) throw invalid(name, 'limitUsd', `a number of dollars from 0 to ${maxUsd}`, limitUsd)
  if (!['total', 'day', 'month'].includes(period)) throw invalid(name, 'period', 'total, day or month', period)
  if (per !== undefined && !dimensions.includes(per)) throw invalid(name, 'per', 'tenant, tag or model', per)
  for (const dimension of dimensions) {
    const pattern = options[dimension]
    if (pattern !== undefined && (typeof pattern !== 'string' || pattern === ''))
      throw invalid(name, dimension, `the name of a ${dimension}, or a pattern with *`, pattern)
    if (pattern !== undefined && per === dimension && !pattern.includes('*'))
      throw new RepriseError(
        'invalid-option',
        `budget ${JSON.stringify(name)}: per ${per} counts each one apart, and ${dimension} ${JSON.stringify(pattern)} ` +
          `is only one; leave out per, or give a pattern with *`
      )
  }
  const fitsTenant = patternMatcher(options.tenant ?? '*')
  const fitsTag = patternMatcher(options.tag ?? '*')
  const fitsModel = patternMatcher(options.model ?? '*')

  function whoOf({ tenant = '', tags, model }: Charged): readonly (string | undefined)[] {
    if (!fitsTenant(tenant) || (model !== undefined && !fitsModel(model))) return []
    if (per === 'tag') return [...new Set(tags)].filter(fitsTag)
    if (options.tag !== undefined && !tags.some(fitsTag)) return []
    return [per === undefined ? undefined : per === 'tenant' ? tenant : (model ?? '')]
  }

  return { name, limit, period, per, whoOf }
}

function checkName(name: string): void {
  if (typeof name === 'string' && /^[^\p{Cc}\p{Cs}]{1,64}$/u.test(name)) return
  throw new RepriseError(
    'invalid-option',
    `budgets: expected a name of 1 to 64 characters, none of them a control character, got ${JSON.stringify(name)}`
  )
}

function invalid(budget: string, field: string, expected: string, got: unknown): RepriseError {
  const shown = typeof got === 'number' ? String(got) : JSON.stringify(got)
  return new RepriseError(
    'invalid-option',
    `budget ${JSON.stringify(budget)}: ${field}: expected ${expected}, got ${shown}`
  )
}
