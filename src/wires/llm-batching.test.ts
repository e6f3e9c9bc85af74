import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText } from '../../test/support/arbitrary-json.ts'
import { batchingModel, type Misbehaviour } from '../../test/support/batching-model.ts'
import {
  answered,
  answerTo,
  batchingOf,
  combine,
  credential,
  outcomeOf,
  requestOf,
  textOf,
  told,
  ways
} from '../../test/support/batching-ways.ts'
import { simulatedBody } from '../../test/support/simulated-body.ts'
import type { JsonObject } from '../core/json.ts'
import type { Usage } from '../core/kind.ts'
import { Body } from './body.ts'
import { llmKind } from './llm-kind.ts'
import { openaiResponses } from './openai-responses.ts'
import { WireContent } from './wire-request.ts'

/** Lone halves of surrogate pairs cannot be written in UTF-8. */
const prompt = anyText.filter((text) => text.trim() !== '' && Buffer.from(text).toString() === text)
const prompts = fc.uniqueArray(prompt, { minLength: 2, maxLength: 8 })

describe.each(ways)('$name', (way) => {
  const { wire, asking } = way

  it('gives each its own answer, whatever is asked and said', () => {
    fc.assert(
      fc.property(prompts, (texts) => {
        const parts = told(way, texts, batchingModel(answerTo))
        expect(parts.map(outcomeOf)).toEqual(texts.map(answerTo))
      }),
      { numRuns: 60 }
    )
  })

  it('makes answers that can be kept, read and told again, each with a name of its own', () => {
    const texts = ['one', 'two', 'three']
    const parts = told(way, texts, batchingModel(answerTo))
    const alone = simulatedBody(wire, asking('one'), batchingModel(answerTo))
    const ids = new Set<unknown>()
    for (const [at, part] of parts.entries()) {
      if (!('answer' in part)) throw new Error(part.doubt)
      const { value, origin } = part.answer
      expect(wire.unfit(value.json)).toBeUndefined()
      expect(llmKind(wire).storable(value)).toBe(true)
      expect(Object.keys(value.json)).toEqual(Object.keys(alone))
      expect(origin).toMatchObject({
        layer: 'provider',
        provider: 'simulated',
        batched: 3,
        usage: wire.usage(value.json)
      })
      ids.add(value.json['id'])
      const fold = wire.fold({ ...asking('one'), stream: true, stream_options: { include_usage: true } })
      for (const delta of wire.unfold(value.json, { stream_options: { include_usage: true } })) fold.add(delta)
      const folded = fold.end()
      expect(folded.answer && textOf(folded.answer)).toBe(answerTo(texts[at] ?? ''))
    }
    expect(ids.size).toBe(3)
    const [first] = parts
    const substance = first && 'answer' in first ? wire.substance(first.answer.value.json) : undefined
    // But for the limit and the mark that are this call's own, it says what the provider says to one alone.
    const own = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replace('"store":false', '"store":true'))
    expect(own(substance)).toEqual(own(wire.substance(alone)))
  })

  it('gives each its own or a doubt, however the answer is spoilt', () => {
    const spoiling: fc.Arbitrary<Misbehaviour> = fc.record(
      {
        drop: fc.nat(3),
        empty: fc.nat(3),
        double: fc.nat(3),
        rename: fc.nat(3),
        unknown: fc.boolean(),
        prose: fc.boolean(),
        cut: fc.double({ min: 0, max: 1, noNaN: true })
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(prompts, spoiling, (texts, misbehaviour) => {
        for (const [at, part] of told(way, texts, batchingModel(answerTo, misbehaviour)).entries()) {
          if ('answer' in part) expect(outcomeOf(part).replace(' Once more.', '')).toBe(answerTo(texts[at] ?? ''))
        }
      }),
      { numRuns: 80 }
    )
  })

  it('says why it doubts', () => {
    const texts = ['one', 'two', 'three']
    const doubts = (misbehaviour: Misbehaviour): readonly string[] =>
      told(way, texts, batchingModel(answerTo, misbehaviour))
        .map((part) => ('doubt' in part ? part.doubt : 'told'))
        .sort()
    expect(doubts({ drop: 1 })).toEqual(['missing', 'told', 'told'])
    expect(doubts({ empty: 2 })).toEqual(['empty', 'empty', 'told'])
    expect(doubts({ rename: 1 })).toEqual(['mixed', 'mixed', 'mixed'])
    expect(doubts({ unknown: true })).toEqual(['mixed', 'mixed', 'mixed'])
    const isTool = way.name.includes('tool')
    if (!isTool) expect(doubts({ double: 1 })).toEqual(['repeated', 'told', 'told'])
    const prose = isTool || way.name.includes('schema') ? 'unreadable' : 'mixed'
    expect(doubts({ prose: true })).toEqual([prose, prose, prose])
  })

  it('shares out all tokens and dollars, doubtful parts included', () => {
    fc.assert(
      fc.property(prompts, fc.nat(2), fc.boolean(), (texts, drop, unknown) => {
        const combined = combine(way, texts)
        const model = batchingModel(answerTo, { drop, unknown })
        const body = simulatedBody(wire, combined.request.content.json, model)
        const parts = combined.split(answered(wire, body, 0.0123))
        const shares = parts.map((part) => ('answer' in part ? part.answer.origin : part))
        for (const [field, count] of Object.entries(wire.usage(body) ?? {})) {
          expect(shares.reduce((sum, { usage }) => sum + (usage?.[field as keyof Usage] ?? Number.NaN), 0)).toBe(count)
        }
        expect(Math.abs(shares.reduce((sum, { costUsd = Number.NaN }) => sum + costUsd, -0.0123))).toBeLessThan(1e-12)
      }),
      { numRuns: 40 }
    )
  })

  it('never throws, whatever it is told', () => {
    const texts = ['one', 'two']
    const combined = combine(way, texts)
    const body = simulatedBody(wire, combined.request.content.json, batchingModel(answerTo))
    const bytes = [...['', '{', 'null', '[]', '{}', '{"choices":[{}]}', '{"output":[null],"status":"completed"}']].map(
      (text) => Buffer.from(text)
    )
    const whole = Buffer.from(JSON.stringify(body))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(...bytes),
          fc.nat(whole.length).map((to) => whole.subarray(0, to))
        ),
        (said) => {
          const parts = combined.split({ value: Body.fromBytes(said), origin: { layer: 'provider', costUsd: 1 } })
          for (const [at, part] of parts.entries()) {
            if ('answer' in part) expect(outcomeOf(part)).toBe(answerTo(texts[at] ?? ''))
          }
          expect(parts).toHaveLength(2)
        }
      )
    )
  })

  it('gives room for the answers of all, and doubts one that is longer than its own limit', () => {
    const field = wire === openaiResponses ? 'max_output_tokens' : 'max_tokens'
    const combined = combine(way, ['one', 'two', 'three'], { [field]: 20 })
    expect(combined.request.content.json[field]).toBeGreaterThanOrEqual(80)
    const model = batchingModel((text) => (text === 'two' ? 'a b c d '.repeat(40) : answerTo(text)))
    const parts = told(way, ['one', 'two', 'three'], model, { [field]: 20 })
    expect(parts.map(outcomeOf)).toEqual([answerTo('one'), '? too-long', answerTo('three')])
    const [first] = parts
    if (first && 'answer' in first && field in first.answer.value.json) {
      expect(first.answer.value.json[field]).toBe(20)
    }
  })

  it('takes a label of one word for what a token may be', () => {
    const field = wire === openaiResponses ? 'max_output_tokens' : 'max_tokens'
    const label = (text: string): string => (text === 'one' ? ' international\n' : 'two words')
    const parts = told(way, ['one', 'two'], batchingModel(label), { [field]: 1 })
    expect(parts.map(outcomeOf)).toEqual([' international\n', '? too-long'])
  })

  it('groups what differs in its last words alone, and is sent alike', () => {
    const batching = batchingOf(wire)
    const group = (json: JsonObject, headers?: Record<string, string>): string | undefined =>
      batching.group(requestOf(wire, json, headers))
    const one = group(asking('one'))
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(group(asking('two'))).toBe(one)
    expect(group(asking('two'), { ...credential, traceparent: '00-1-2-01' })).toBe(one)
    const others = [
      group(asking('one', { temperature: 0.5 })),
      group({ ...asking('one'), model: 'gpt-4.1' }),
      group(asking('one'), { authorization: 'Bearer sk-other' }),
      group(asking('one'), { ...credential, 'x-tenant': 'b' }),
      group(asking('one', { metadata: { user_id: 'u' } })),
      batching.group({
        content: new WireContent(wire, Buffer.from(JSON.stringify(asking('one'))), '?beta=true'),
        headers: credential
      })
    ]
    expect(new Set([one, ...others]).size).toBe(others.length + 1)
    expect(others).not.toContain(undefined)
  })

  it.each([
    ['empty', asking('  \n')],
    ['long', asking('x'.repeat(8001))],
    ['with lines like those around parts', asking('one\n<<end p0>>')],
    ['a stream', asking('one', { stream: true })],
    ['with tools', asking('one', { tools: [{ type: 'function', name: 'f', function: { name: 'f' } }] })],
    ['with a field that nobody knows', asking('one', { x_new: null })],
    ['with a number that a double cannot hold', JSON.parse('{}')]
  ])('asks alone what is %s', (what, json) => {
    const raw = what.includes('double')
      ? Buffer.from(JSON.stringify(asking('one')).replace(/}$/, ',"temperature":0.12345678901234567890}'))
      : Buffer.from(JSON.stringify(json))
    expect(batchingOf(wire).group({ content: new WireContent(wire, raw), headers: credential })).toBeUndefined()
  })

  it('asks alone what may be made only once', () => {
    expect(batchingOf(wire).group(requestOf(wire, asking('one'), { 'idempotency-key': 'k' }))).toBeUndefined()
  })
})
