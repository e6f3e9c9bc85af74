import fc from 'fast-check'
import type { Event, Outcome } from '../../src/core/events.ts'

/** Names that callers could choose, some of them to nobody's good. */
export const arbitraryName = fc.oneof(
  fc.constantFrom('gpt-4o', 'claude-sonnet', 'masterplan:42', 'other', '__proto__', 'constructor', ''),
  fc.string({ maxLength: 20 })
)

const kind = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('llm', 'retrieval', 'embedding', 'value') },
  { weight: 1, arbitrary: arbitraryName }
)
const layer = fc.constantFrom('exact', 'semantic')
const key = fc.nat(40).map((number) => `llm:gpt-4o:${number}`)

/** Whole parts of a two-thousandth: however often they are added up, in whatever order, the sum is exact. */
const amount = fc.nat(100_000).map((parts) => parts / 2048)
/** In milliseconds; whole parts of a 65,536th of a second, for the same reason. */
const time = fc.nat(6_000_000).map((parts) => (parts * 125) / 8192)
const maybeTime = fc.option(time, { nil: undefined })
const maybeAmount = fc.option(amount, { nil: undefined })

/** A lookup: that it is made, and its one outcome. */
export const arbitraryLookup: fc.Arbitrary<readonly Event[]> = fc
  .record({ kind, layer, key, stale: fc.boolean(), tookMs: time, reason: arbitraryName, what: fc.nat(2) })
  .map(({ kind, layer, key, stale, tookMs, reason, what }) => {
    const outcomes: readonly [Event, Event, Event] = [
      { type: 'hit', layer, kind, key, stale, tookMs },
      { type: 'miss', layer, kind, key, tookMs },
      { type: 'bypass', layer, kind, reason }
    ]
    return [{ type: 'looked-up', layer, kind }, outcomes[what] ?? outcomes[0]]
  })

const outcome = fc.constantFrom<Outcome[]>('hit', 'miss', 'joined', 'rescued', 'bypass', 'failed')
const usage = fc.option(fc.record({ inputTokens: fc.nat(9999), outputTokens: fc.nat(999) }), { nil: undefined })

/** A request's end, as well-formed as its outcome asks for. */
export const arbitraryAnswer: fc.Arbitrary<Event> = fc
  .record({
    kind,
    model: fc.option(arbitraryName, { nil: undefined }),
    outcome,
    number: fc.nat(40),
    layer,
    tookMs: time,
    tags: fc.array(arbitraryName, { maxLength: 4 }),
    usage,
    usd: maybeAmount,
    providersMs: maybeTime
  })
  .map(({ outcome, layer, number, usage, usd, providersMs, ...rest }): Event => {
    const asksProvider = outcome === 'miss' || outcome === 'bypass' || outcome === 'joined'
    const answeredBy = asksProvider ? 'provider' : layer
    const origin = {
      layer: answeredBy,
      // Whatever has the same key is of the same kind and model.
      key: `${rest.kind}:${rest.model ?? ''}:${number}`,
      ...(outcome === 'joined' ? { joined: true as const } : {}),
      ...(usage === undefined ? {} : { usage }),
      ...(usd === undefined ? {} : outcome === 'miss' || outcome === 'bypass' ? { costUsd: usd } : { savedUsd: usd }),
      ...(providersMs === undefined ? {} : { tookMs: providersMs })
    }
    const known = outcome === 'failed' ? undefined : origin
    return { type: 'answered', ...rest, outcome, layer: known?.layer, tenant: undefined, origin: known }
  })

const arbitraryRare: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: fc.constant('stored' as const), layer, kind, key, bytes: fc.nat(9999) }),
  fc.record({ type: fc.constant('refused' as const), layer, kind, key, reason: arbitraryName }),
  fc.record({
    type: fc.constant('refuted' as const),
    layer,
    kind,
    key,
    similarity: amount,
    by: arbitraryName,
    reason: arbitraryName,
    text: arbitraryName
  }),
  fc.record({
    type: fc.constant('asked' as const),
    provider: arbitraryName,
    wire: kind,
    ok: fc.boolean(),
    tookMs: time
  }),
  fc.record({ type: fc.constant('retried' as const), target: arbitraryName, waitMs: time, reason: arbitraryName }),
  fc.record({ type: fc.constant('charged' as const), target: arbitraryName, model: kind, costUsd: maybeAmount }),
  fc.record({
    type: fc.constant('skipped' as const),
    target: arbitraryName,
    reason: fc.constantFrom('unsuitable' as const, 'left-out' as const, 'over-budget' as const),
    detail: arbitraryName
  }),
  fc.record({ type: fc.constant('fell-back' as const), from: arbitraryName, to: arbitraryName, reason: arbitraryName }),
  fc.record({
    type: fc.constant('batched' as const),
    layer: fc.constant('batch'),
    kind,
    size: fc.integer({ min: 2, max: 70 }),
    alone: fc.nat(9),
    reasons: fc.array(arbitraryName, { maxLength: 2 })
  }),
  fc.record({ type: fc.constant('refreshed' as const), kind, key, ok: fc.boolean() }),
  fc.record({
    type: fc.constant('failed' as const),
    part: fc.oneof(fc.constantFrom('store', 'store-writes', 'vectors', 'embedder', 'verifier'), arbitraryName),
    operation: arbitraryName,
    error: fc.constant(new Error('no')),
    kind
  }),
  fc.dictionary(arbitraryName, fc.nat(9)).map((byKind): Event => ({ type: 'invalidated', count: 9, byKind }))
)

/** Whatever may happen, in any order; each lookup with its outcome right after it. */
export const arbitraryEvents: fc.Arbitrary<readonly Event[]> = fc
  .array(
    fc.oneof(
      arbitraryLookup,
      arbitraryAnswer.map((event) => [event]),
      arbitraryRare.map((event) => [event])
    ),
    {
      maxLength: 60
    }
  )
  .map((parts) => parts.flat())
