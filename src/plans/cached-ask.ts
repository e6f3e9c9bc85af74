import type { Origin } from '../core/answer.ts'
import type { CallOptions } from '../core/context.ts'
import { parseDuration } from '../core/duration.ts'
import { RepriseError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { answerText } from '../jobs/answer-text.ts'
import { askedInVain } from '../jobs/asked-in-vain.ts'
import type { AskAtom, AskedAtom } from './ask-atom.ts'
import type { AtomRequest } from './plan.ts'

/** What of `Completions` is needed: `cache.completions(router)` makes one. */
export interface CachedCompletions {
  chat(body: object, options?: CallOptions): Promise<CachedCompletion>
  messages(body: object, options?: CallOptions): Promise<CachedCompletion>
  responses(body: object, options?: CallOptions): Promise<CachedCompletion>
}

export interface CachedCompletion {
  readonly body: JsonObject
  readonly cacheHit: boolean
  readonly origin: Origin
}

/** Asks a plan's atoms in this process, through the cache before a router. */
export function cachedAsk(completions: CachedCompletions): AskAtom {
  return async function ask(request, signal) {
    try {
      return asked(request, await completions[methodOf(request)](request.body, optionsOf(request, signal)))
    } catch (error) {
      if (signal.aborted) throw error
      const vain = askedInVain(error)
      if (vain === undefined) throw error
      return vain
    }
  }
}

const methods: Readonly<Record<string, keyof CachedCompletions>> = {
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'messages',
  '/v1/responses': 'responses'
}

function methodOf({ atom, path }: AtomRequest): keyof CachedCompletions {
  const method = methods[path]
  if (method !== undefined) return method
  const known = Object.keys(methods).join(', ')
  throw new RepriseError('invalid-plan', `atom ${atom}: path: expected one of ${known}, got ${path}`)
}

function optionsOf({ tags, ttl, scope, batch }: AtomRequest, signal: AbortSignal): CallOptions {
  return {
    tags,
    signal,
    ...(batch ? { batch } : {}),
    ...(ttl === undefined ? {} : { ttlMs: parseDuration(ttl, 'ttl') }),
    ...(scope === undefined ? {} : { scope: [scope] })
  }
}

function asked({ path }: AtomRequest, { body, cacheHit, origin }: CachedCompletion): AskedAtom {
  const { costUsd: own, wastedUsd = 0 } = origin
  const costUsd = cacheHit ? 0 : own === undefined ? undefined : own + wastedUsd
  const { text, lack } = answerText(path, body)
  // Nothing is gained by asking again, and it was paid for.
  if (text === undefined) return { ok: false, message: lack, mayPass: false, concernsAll: false, costUsd }
  const { layer, savedUsd, usage } = origin
  return {
    ok: true,
    costUsd,
    answer: {
      text,
      layer,
      isHit: cacheHit,
      ...(savedUsd === undefined ? {} : { savedUsd }),
      ...(usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens } })
    }
  }
}
