import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type * as OpenTelemetry from '@opentelemetry/api'
import type { Attributes, Counter, Histogram, MeterProvider } from '@opentelemetry/api'
import type { Origin } from '../core/answer.ts'
import { messageOf, ProviderError, RepriseError } from '../core/errors.ts'
import type { Answered, Event, Observe } from '../core/events.ts'
import { clipped } from './groups.ts'
import { attributes, durationBounds, metricNames, operations, otherError, tokenBounds } from './telemetry-names.ts'

export interface Telemetry {
  /** Makes a span of each request and of each call to a provider, and measures them. Never throws. */
  readonly observe: Observe
  /**
   * Runs with the trace that a caller's headers name, so that spans made within belong to it. What listens to `emitter`
   * within does too: events of a request whose body comes later are not told within what listened to them.
   */
  within<Result>(headers: IncomingHttpHeaders, run: () => Result, emitter?: EventEmitter): Result
}

interface Instruments {
  readonly duration: Histogram
  readonly tokens: Histogram
  readonly requests: Counter
}

/** Who makes the spans, for whoever looks at them. */
const scope = 'reprise'
const longestName = 200

/**
 * Traces and metrics by OpenTelemetry, through whichever SDK the process was started with; without one nothing happens,
 * and costs next to nothing. No prompt and no answer is in them.
 * @throws RepriseError `missing-dependency` without the package `@opentelemetry/api`
 */
export async function openTelemetry(
  // Not typed as what it gives: whoever does without the package would need it to compile.
  load: () => Promise<object> = () => import('@opentelemetry/api')
): Promise<Telemetry> {
  const api = await loaded(load)
  const tracer = api.trace.getTracer(scope)
  const instruments = instrumentsOf(api)
  const boundNames = namesBound()

  function observe(event: Event): void {
    if (event.type !== 'answered' && event.type !== 'asked') return
    try {
      if (event.type === 'asked') noteAsked(event)
      else noteAnswered(event)
    } catch {
      // What an SDK's processors do is no reason for a request to fail.
    }
  }

  function noteAnswered(event: Answered): void {
    const { origin, tookMs, outcome } = event
    const isOurs = operations.has(event.kind)
    const isFailed = outcome === 'failed'
    const endMs = Date.now()
    const shared: Attributes = {
      [attributes.operation]: operations.get(event.kind) ?? event.kind,
      ...subjectOf(event),
      ...given(attributes.provider, origin?.provider),
      ...given(attributes.responseModel, origin?.model && clipped(origin.model, longestName)),
      ...given(attributes.errorType, isFailed ? errorType(event.error) : undefined),
      [attributes.outcome]: outcome
    }
    const span = tracer.startSpan(nameOf(event), {
      // The conventions want CLIENT: this stands for a call to a model, which a hit has spared. What is no such call
      // happens in this process.
      kind: isOurs ? api.SpanKind.CLIENT : api.SpanKind.INTERNAL,
      startTime: endMs - tookMs,
      attributes: shared
    })
    if (span.isRecording()) span.setAttributes(detailsOf(event))
    // Without a message: that would be in the words of whoever failed.
    if (isFailed) span.setStatus({ code: api.SpanStatusCode.ERROR })
    span.end(endMs)

    const { duration, tokens, requests } = instruments()
    const measured = boundNames(shared)
    duration.record(tookMs / 1000, measured)
    requests.add(1, measured)
    if (origin?.usage === undefined || !isPaid(origin)) return
    tokens.record(origin.usage.inputTokens, { ...measured, [attributes.tokenType]: 'input' })
    tokens.record(origin.usage.outputTokens, { ...measured, [attributes.tokenType]: 'output' })
  }

  function noteAsked({ provider, wire, ok, tookMs }: Extract<Event, { type: 'asked' }>): void {
    const endMs = Date.now()
    // No operation of the conventions': the request's own span is that, and its tokens would be counted twice.
    const span = tracer.startSpan(`ask ${provider}`, {
      kind: api.SpanKind.CLIENT,
      startTime: endMs - tookMs,
      attributes: {
        [attributes.provider]: provider,
        [attributes.wire]: wire,
        ...given(attributes.errorType, ok ? undefined : otherError)
      }
    })
    if (!ok) span.setStatus({ code: api.SpanStatusCode.ERROR })
    span.end(endMs)
  }

  return {
    observe,
    within(headers, run, emitter) {
      const active = api.context.active()
      // Somebody who instruments HTTP has read the headers already, and has a span of its own below the caller's.
      if (api.trace.getSpan(active) !== undefined) return run()
      const callers = api.propagation.extract(active, headers)
      if (emitter !== undefined) api.context.bind(callers, emitter)
      return api.context.with(callers, run)
    }
  }
}

async function loaded(load: () => Promise<object>): Promise<typeof OpenTelemetry> {
  try {
    return (await load()) as typeof OpenTelemetry
  } catch (cause) {
    throw new RepriseError(
      'missing-dependency',
      `telemetry needs the package @opentelemetry/api, which cannot be loaded here (${messageOf(cause)}): ` +
        'npm install @opentelemetry/api, and an SDK; or set telemetry: off',
      { cause }
    )
  }
}

/** Callers name models and collections: an SDK keeps a series of each, and only so many are told apart. */
function namesBound(): (shared: Attributes) => Attributes {
  const known = new Set<string>()
  const isKnown = (name: string): boolean => known.has(name) || (known.size < mostNames && known.add(name).has(name))
  return (shared) => {
    const others = named.filter((attribute) => {
      const name = shared[attribute]
      return typeof name === 'string' && !isKnown(name)
    })
    if (others.length === 0) return shared
    return { ...shared, ...Object.fromEntries(others.map((attribute) => [attribute, otherName])) }
  }
}

const named = [attributes.requestModel, attributes.responseModel, attributes.dataSource]
const mostNames = 400
const otherName = 'other'

/** Made anew when another SDK has been registered: unlike a tracer, a meter does not find out by itself. */
function instrumentsOf({ metrics }: typeof OpenTelemetry): () => Instruments {
  let from: MeterProvider | undefined
  let made: Instruments | undefined
  return () => {
    const provider = metrics.getMeterProvider()
    if (made !== undefined && provider === from) return made
    from = provider
    const meter = provider.getMeter(scope)
    made = {
      duration: meter.createHistogram(metricNames.duration, {
        unit: 's',
        description: 'How long requests took, those answered by the cache included.',
        advice: { explicitBucketBoundaries: [...durationBounds] }
      }),
      tokens: meter.createHistogram(metricNames.tokens, {
        unit: '{token}',
        description: 'Tokens that were paid for.',
        advice: { explicitBucketBoundaries: [...tokenBounds] }
      }),
      requests: meter.createCounter(metricNames.requests, {
        unit: '{request}',
        description: 'Requests, by what has become of them.'
      })
    }
    return made
  }
}

function nameOf({ kind, model }: Answered): string {
  const operation = operations.get(kind) ?? kind
  return model === undefined ? operation : `${operation} ${clipped(model, longestName)}`
}

/** Of a search it is what is searched, and no model. */
function subjectOf({ kind, model }: Answered): Attributes {
  const name = kind === 'retrieval' ? attributes.dataSource : attributes.requestModel
  return given(name, model === undefined ? undefined : clipped(model, longestName))
}

function detailsOf({ kind, layer, tags, tenant, origin }: Answered): Attributes {
  return {
    [attributes.kind]: kind,
    ...given(attributes.layer, layer),
    ...given(attributes.tenant, tenant),
    ...given(attributes.tags, tags.length === 0 ? undefined : [...tags]),
    ...(origin === undefined ? {} : { ...originOf(origin), ...usageOf(origin) })
  }
}

function originOf(origin: Origin): Attributes {
  return {
    ...given(attributes.key, origin.key),
    ...given(attributes.similarity, origin.similarity),
    ...given(attributes.ageMs, origin.ageMs),
    ...given(attributes.batched, origin.batched),
    ...given(attributes.isStale, origin.stale),
    ...given(attributes.isFallback, origin.fallback),
    ...given(attributes.isLastResort, origin.lastResort),
    ...given(attributes.bypass, origin.bypass),
    ...given(attributes.costUsd, origin.costUsd),
    ...given(attributes.savedUsd, origin.savedUsd)
  }
}

/** Whoever adds up tokens wants those that were paid for; what a hit has spared has a name of its own. */
function usageOf(origin: Origin): Attributes {
  const { usage } = origin
  if (usage === undefined) return {}
  if (!isPaid(origin)) return { [attributes.savedTokens]: usage.inputTokens + usage.outputTokens }
  return {
    [attributes.inputTokens]: usage.inputTokens,
    [attributes.outputTokens]: usage.outputTokens,
    ...given(attributes.cacheReadTokens, usage.cachedInputTokens),
    ...given(attributes.cacheCreationTokens, usage.cacheWriteTokens),
    ...given(attributes.reasoningTokens, usage.reasoningTokens)
  }
}

/** By this request, and not by the one whose call it shared. */
function isPaid({ layer, joined }: Origin): boolean {
  return layer === 'provider' && joined !== true
}

function errorType(error: unknown): string {
  if (error instanceof ProviderError) return String(error.status)
  return error instanceof RepriseError ? error.code : otherError
}

function given(name: string, value: Attributes[string]): Attributes {
  return value === undefined ? {} : { [name]: value }
}
