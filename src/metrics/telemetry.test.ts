import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import {
  type Context,
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor
} from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, it } from 'vitest'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Answered, Event } from '../core/events.ts'
import { openTelemetry } from './telemetry.ts'
import { attributes, metricNames } from './telemetry-names.ts'

/** What a W3C propagator does when it reads. */
const propagator: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject: () => {},
  extract(before: Context, carrier, getter) {
    const [, traceId, spanId] = /^00-(\w{32})-(\w{16})-01$/.exec(String(getter.get(carrier, 'traceparent'))) ?? []
    if (traceId === undefined || spanId === undefined) return before
    return trace.setSpanContext(before, { traceId, spanId, traceFlags: 1, isRemote: true })
  }
}
const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

/** An SDK as a program registers it, and what it has been told. */
function startSdk(): { spans(): readonly ReadableSpan[]; points(name: string): Promise<readonly Point[]> } {
  const spans = new InMemorySpanExporter()
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 1e9 })
  const meters = new MeterProvider({ readers: [reader] })
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  metrics.setGlobalMeterProvider(meters)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(propagator)
  return {
    spans: () => spans.getFinishedSpans(),
    async points(name) {
      await meters.forceFlush()
      const found = (measured.getMetrics().at(-1)?.scopeMetrics ?? []).flatMap(({ metrics: all }) => all)
      return found
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints.map(({ attributes: labels, value }) => ({ labels, value }) as Point))
    }
  }
}

interface Point {
  readonly labels: Readonly<Record<string, unknown>>
  readonly value: number & { readonly sum: number; readonly count: number }
}

afterEach(() => {
  trace.disable()
  metrics.disable()
  context.disable()
  propagation.disable()
})

const asked: Event = { type: 'asked', provider: 'openai', wire: 'openai-chat', ok: true, tookMs: 1200 }

const miss: Answered = {
  type: 'answered',
  kind: 'llm',
  model: 'gpt-4o',
  outcome: 'miss',
  layer: 'provider',
  tookMs: 1250,
  tags: ['team:a'],
  tenant: 'team-a',
  origin: {
    layer: 'provider',
    key: 'llm:gpt-4o:0123',
    provider: 'openai',
    model: 'gpt-4o-2024-08-06',
    costUsd: 0.01,
    usage: { inputTokens: 10, outputTokens: 20, cachedInputTokens: 4, cacheWriteTokens: 2, reasoningTokens: 5 }
  },
  text: 'what is the moon made of'
}

const hit: Answered = {
  ...miss,
  outcome: 'hit',
  layer: 'semantic',
  tookMs: 2,
  origin: {
    layer: 'semantic',
    key: 'llm:gpt-4o:0123',
    provider: 'openai',
    similarity: 0.97,
    ageMs: 5000,
    stale: true,
    savedUsd: 0.01,
    usage: { inputTokens: 10, outputTokens: 20 }
  }
}

function failedWith(error: unknown): Answered {
  return { ...miss, outcome: 'failed', layer: undefined, origin: undefined, error }
}

function millisecondsOf({ duration: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1000 + nanoseconds / 1e6
}

describe('telemetry', () => {
  it('makes a span of a request, by the names of the conventions', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe(miss)
    const [span] = sdk.spans()
    expect(span).toMatchObject({ name: 'chat gpt-4o', kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } })
    expect(span?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.usage.cache_creation.input_tokens': 2,
      'gen_ai.usage.reasoning.output_tokens': 5,
      'reprise.kind': 'llm',
      'reprise.outcome': 'miss',
      'reprise.layer': 'provider',
      'reprise.key': 'llm:gpt-4o:0123',
      'reprise.tenant': 'team-a',
      'reprise.tags': ['team:a'],
      'reprise.cost_usd': 0.01
    })
  })

  it('says of one that was asked together with others how many they were', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe({ ...miss, origin: { ...miss.origin, layer: 'provider', batched: 5 } })
    expect(sdk.spans()[0]?.attributes).toMatchObject({ 'reprise.batched': 5 })
  })

  it('says of a hit what it has saved, and claims no tokens that nobody was paid for', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe(hit)
    observe({ ...miss, outcome: 'joined', origin: { ...miss.origin, layer: 'provider', joined: true } })
    const [span, joined] = sdk.spans()
    expect(span?.attributes).toMatchObject({
      'reprise.outcome': 'hit',
      'reprise.similarity': 0.97,
      'reprise.age_ms': 5000,
      'reprise.stale': true,
      'reprise.saved_usd': 0.01,
      'reprise.saved_tokens': 30
    })
    for (const each of [span, joined]) expect(each?.attributes).not.toHaveProperty([attributes.inputTokens])
    expect(await sdk.points(metricNames.tokens)).toEqual([])
  })

  it('names embeddings and searches as the conventions do, and kinds of your own as they are called', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe({ ...hit, kind: 'embedding', model: 'small' })
    observe({ ...hit, kind: 'retrieval', model: 'articles' })
    observe({ ...hit, kind: 'weather', model: undefined })
    const spans = sdk.spans()
    expect(spans.map(({ name, kind }) => [name, kind])).toEqual([
      ['embeddings small', SpanKind.CLIENT],
      ['retrieval articles', SpanKind.CLIENT],
      ['weather', SpanKind.INTERNAL]
    ])
    expect(spans[1]?.attributes).toMatchObject({ 'gen_ai.data_source.id': 'articles' })
    expect(spans[1]?.attributes).not.toHaveProperty([attributes.requestModel])
  })

  it('lasts as long as the request has lasted, until now', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    const beforeMs = Date.now()
    observe(miss)
    observe(asked)
    const [request, call] = sdk.spans()
    expect(request && millisecondsOf(request)).toBeCloseTo(1250, 3)
    expect(call && millisecondsOf(call)).toBeCloseTo(1200, 3)
    const endMs = (request?.endTime[0] ?? 0) * 1000 + (request?.endTime[1] ?? 0) / 1e6
    expect(endMs).toBeGreaterThanOrEqual(beforeMs)
    expect(endMs).toBeLessThanOrEqual(Date.now())
  })

  it('makes a span of each call to a provider, without anything that is counted as an operation', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe(asked)
    observe({ ...asked, ok: false })
    const [ok, failed] = sdk.spans()
    expect(ok).toMatchObject({
      name: 'ask openai',
      kind: SpanKind.CLIENT,
      attributes: { 'gen_ai.provider.name': 'openai', 'reprise.wire': 'openai-chat' }
    })
    expect(ok?.attributes).not.toHaveProperty([attributes.operation])
    expect(failed).toMatchObject({
      attributes: { 'error.type': '_OTHER' },
      status: { code: SpanStatusCode.ERROR }
    })
  })

  it('says what has failed by its code, and not in its words', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    observe(failedWith(new RepriseError('provider-timeout', 'what is the moon made of')))
    observe(failedWith(new ProviderError('openai', 503, {}, Buffer.from('what is the moon made of'))))
    observe(failedWith(new TypeError('what is the moon made of')))
    expect(sdk.spans().map(({ attributes: { [attributes.errorType]: type } }) => type)).toEqual([
      'provider-timeout',
      '503',
      '_OTHER'
    ])
    for (const { status } of sdk.spans()) expect(status).toEqual({ code: SpanStatusCode.ERROR })
  })

  it('never has a prompt in it', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    for (const event of [miss, hit, failedWith(new Error('what is the moon made of'))]) observe(event)
    const told = sdk.spans().map(({ name, attributes: all, status, events }) => ({ name, all, status, events }))
    expect(told).toHaveLength(3)
    expect(JSON.stringify(told)).not.toContain('moon')
  })

  it('belongs to the trace that a caller has begun', async () => {
    const sdk = startSdk()
    const { observe, within } = await openTelemetry()
    const result = await within({ traceparent }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      observe(asked)
      observe(miss)
      return 'done'
    })
    expect(result).toBe('done')
    for (const span of sdk.spans()) {
      expect(span.spanContext().traceId).toBe('a'.repeat(32))
      expect(span.parentSpanContext?.spanId).toBe('b'.repeat(16))
    }
    expect(sdk.spans()).toHaveLength(2)
  })

  it('belongs to it although the body of the request comes later than its headers', async () => {
    const sdk = startSdk()
    const { observe, within } = await openTelemetry()
    const server = createServer((request, response) => {
      within(
        request.headers,
        () => {
          request.resume().on('end', () => {
            observe(miss)
            response.end()
          })
        },
        request
      )
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\ntraceparent: ${traceparent}\r\n\r\n`
    )
    // Not before the headers have been read.
    await once(server, 'request')
    socket.end('{}')
    await once(socket.resume(), 'close')
    server.close()
    expect(sdk.spans().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(['b'.repeat(16)])
  })

  it('begins a trace of its own for a caller who has none, and reads no header that is wrong', async () => {
    const sdk = startSdk()
    const { observe, within } = await openTelemetry()
    within({}, () => observe(miss))
    within({ traceparent: 'nonsense' }, () => observe(miss))
    expect(sdk.spans().map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined, undefined])
  })

  it('goes below the span of whoever instruments HTTP, who has read the headers already', async () => {
    const sdk = startSdk()
    const { observe, within } = await openTelemetry()
    const server = trace
      .getTracer('http')
      .startSpan('POST', {}, propagator.extract(ROOT_CONTEXT, { traceparent }, getter))
    context.with(trace.setSpan(ROOT_CONTEXT, server), () => within({ traceparent }, () => observe(miss)))
    const [span] = sdk.spans()
    expect(span?.parentSpanContext?.spanId).toBe(server.spanContext().spanId)
    expect(span?.spanContext().traceId).toBe('a'.repeat(32))
  })

  it('measures how long requests take, what they cost in tokens, and what has become of them', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    for (const event of [miss, hit, hit, failedWith(new RepriseError('over-budget', 'x'))]) observe(event)
    const durations = await sdk.points(metricNames.duration)
    expect(durations.map(({ labels, value }) => [labels[attributes.outcome], value.count, value.sum])).toEqual([
      ['miss', 1, 1.25],
      ['hit', 2, 0.004],
      ['failed', 1, 1.25]
    ])
    expect(durations[2]?.labels).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o',
      'error.type': 'over-budget',
      'reprise.outcome': 'failed'
    })
    const tokens = await sdk.points(metricNames.tokens)
    expect(tokens.map(({ labels, value }) => [labels[attributes.tokenType], value.sum])).toEqual([
      ['input', 10],
      ['output', 20]
    ])
    const requests = await sdk.points(metricNames.requests)
    expect(requests.map(({ labels, value }) => [labels[attributes.outcome], value])).toEqual([
      ['miss', 1],
      ['hit', 2],
      ['failed', 1]
    ])
  })

  it('has an SDK keep series of so many models, however many callers make up', async () => {
    const sdk = startSdk()
    const { observe } = await openTelemetry()
    for (let index = 0; index < 1000; index++) observe({ ...miss, model: `made-up-${index}`, origin: undefined })
    const requests = await sdk.points(metricNames.requests)
    expect(requests).toHaveLength(401)
    expect(requests.at(-1)).toMatchObject({ labels: { 'gen_ai.request.model': 'other' }, value: 600 })
    expect(sdk.spans().at(-1)?.attributes['gen_ai.request.model']).toBe('made-up-999')
  })

  it('finds an SDK that is registered later', async () => {
    const { observe } = await openTelemetry()
    observe(miss)
    const sdk = startSdk()
    observe(miss)
    expect(sdk.spans()).toHaveLength(1)
    expect((await sdk.points(metricNames.requests)).map(({ value }) => value)).toEqual([1])
  })

  it('does nothing, and breaks nothing, where no SDK is registered', async () => {
    const { observe, within } = await openTelemetry()
    for (const event of [miss, hit, asked, failedWith(new Error('x'))]) observe(event)
    expect(within({ traceparent }, () => 7)).toBe(7)
    expect(() =>
      within({}, () => {
        throw new Error('of the request')
      })
    ).toThrow('of the request')
  })

  it('lets no request fail because an SDK does', async () => {
    const failing = { onStart: () => undefined, forceFlush: async () => {}, shutdown: async () => {} }
    const processor = {
      ...failing,
      onEnd() {
        throw new Error('an exporter of somebody else')
      }
    }
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }))
    const { observe } = await openTelemetry()
    expect(() => observe(miss)).not.toThrow()
  })

  it('says what to install when the package is not there', async () => {
    const missing = Object.assign(new Error("Cannot find package '@opentelemetry/api'"), {
      code: 'ERR_MODULE_NOT_FOUND'
    })
    await expect(openTelemetry(() => Promise.reject(missing))).rejects.toMatchObject({
      code: 'missing-dependency',
      message: expect.stringContaining('npm install @opentelemetry/api')
    })
  })

  it('has its names in one file', () => {
    const text = readFileSync(join(import.meta.dirname, 'telemetry.ts'), 'utf8')
    expect(text).not.toMatch(/'(gen_ai|reprise|error)\./)
  })
})

const getter = {
  get: (carrier: Readonly<Record<string, string>>, name: string) => carrier[name],
  keys: (carrier: object) => Object.keys(carrier)
}
