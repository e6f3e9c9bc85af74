import { LRUCache } from 'lru-cache'
import type { Batching, Together } from '../core/batching.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context, Layer } from '../core/handler.ts'
import type { Kind } from '../core/kind.ts'
import { BatchWindow, gone, tellFailed } from './batch-window.ts'

export interface BatchOptions {
  /** Whether requests that do not say are asked together. Default: false. */
  readonly on?: boolean
  /** How long the first of a batch waits for others, in milliseconds, at most 60,000. Default: 500. */
  readonly windowMs?: number
  /** How many are asked together, from 2 to 64; so many are asked at once. Default: 5. */
  readonly size?: number
}

export interface BatchLayerOptions<Request = never>
  extends BatchOptions,
    Pick<Together<Request, unknown>, 'tagsThatMatter' | 'wayOf'> {
  /**
   * After so many batches in a row that answered one at most, a group is asked alone for ten minutes: they are paid for,
   * and a system prompt may forbid what the parts are asked, or all that comes is too much for one call. Default: 3.
   */
  readonly patience?: number
}

/**
 * Asks requests together that come at about the same time and differ in nothing but what is asked. Stands below keep, so
 * that each has its own key and its own entry. Whoever cannot be asked together with others is asked at once, and whoever
 * was not told for certain what belongs to him is asked again, alone; so is everybody when their call fails, whatever
 * with: what is too much, too dear or too slow for a provider may be none of it alone, and each is asked as it would have
 * been without a batch.
 * @throws RepriseError `invalid-option`
 */
export function batch<Request extends object, Result>(
  kind: Kind<Request, Result>,
  batching: Batching<Request, Result>,
  options: BatchLayerOptions<Request> = {}
): Layer<Request, Result> {
  const { on, windowMs, size } = checkedBatchOptions(options)
  const { tagsThatMatter = (tags) => tags, wayOf = () => '', patience = 3 } = options

  /** Equal texts, asked together; undefined: alone. */
  function groupOf(request: Request, context: Context): string | undefined {
    const { scope, tenant, tags, spare, observe } = context
    try {
      const group = batching.group(request)
      if (group === undefined) return undefined
      // A budget of one tag must not pay for what another's request costs, nor a route be taken that is none of its.
      const mattering = [...new Set(tagsThatMatter(tags))].sort()
      return JSON.stringify([group, scope, tenant ?? null, mattering, wayOf(request, context), spare === true])
    } catch (error) {
      tellFailed(kind.name, 'group', error, observe)
      return undefined
    }
  }

  return {
    name: 'batch',
    wrap(next) {
      const windows = new Map<string, BatchWindow<Request, Result>>()
      /** How many batches of a group in a row were of no use to anybody. */
      const useless = new LRUCache<string, number>({ max: mostGroups, ttl: sparedMs, ttlResolution: 0 })

      function open(group: string): BatchWindow<Request, Result> {
        const window = new BatchWindow(
          kind.name,
          batching,
          next,
          { windowMs, size },
          {
            closed() {
              if (windows.get(group) === window) windows.delete(group)
            },
            ended(isOfUse) {
              if (isOfUse) useless.delete(group)
              else useless.set(group, (useless.get(group) ?? 0) + 1)
            }
          }
        )
        windows.set(group, window)
        return window
      }

      return function askTogether(request, context) {
        // Whoever wants to see an answer while it is made does not want to wait for it.
        const isAsked = (context.batch ?? on) && context.onDelta === undefined
        const group = isAsked ? groupOf(request, context) : undefined
        if (group === undefined || (useless.get(group) ?? 0) >= patience) return next(request, context)
        const { signal } = context.caller
        if (signal.aborted) return Promise.reject(gone(signal))
        return (windows.get(group) ?? open(group)).join(request, context)
      }
    }
  }
}

/** For how long, in milliseconds, and of how many groups that is known. */
const sparedMs = 600_000
const mostGroups = 1000

/** The options, with defaults. @throws RepriseError `invalid-option` naming the option, what was expected and got */
export function checkedBatchOptions({
  on = false,
  windowMs = 500,
  size = 5
}: BatchOptions = {}): Required<BatchOptions> {
  check('on', on, 'true or false', typeof on === 'boolean')
  check('windowMs', windowMs, 'milliseconds from 0 to 60,000', isWithin(windowMs, 0, 60_000))
  check('size', size, 'a whole number from 2 to 64', isWithin(size, 2, 64) && Number.isInteger(size))
  return { on, windowMs, size }
}

function isWithin(value: number, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function check(name: string, value: unknown, expected: string, isRight: boolean): void {
  if (isRight) return
  const got = typeof value === 'number' ? String(value) : JSON.stringify(value)
  throw new RepriseError('invalid-option', `batch: ${name}: expected ${expected}, got ${got}`)
}
