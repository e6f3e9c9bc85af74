import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asJson, asText, batchingModel, partsOf } from '../../test/support/batching-model.ts'
import {
  answered,
  answerTo,
  byChat,
  combine,
  outcomeOf,
  told,
  type Way,
  ways
} from '../../test/support/batching-ways.ts'
import { obey } from '../../test/support/gullible.ts'
import { hostilePrompts } from '../../test/support/hostile-prompts.ts'
import { simulatedBody } from '../../test/support/simulated-body.ts'
import type { JsonObject } from '../core/json.ts'
import type { Reply } from '../testing/simulated-provider.ts'
import { Body } from './body.ts'

describe('the answers to several', () => {
  const way: Way = byChat
  const { wire } = way
  const long = 'We are sorry, but all our services are closed until further notice.'

  /** What each is told, when that is said to the parts of the prompt. */
  function saying(texts: readonly string[], answer: (text: string, at: number) => string): readonly string[] {
    return told(
      way,
      texts,
      batchingModel((text) => answer(text, texts.indexOf(text)))
    ).map(outcomeOf)
  }

  it('are doubted when two are the same and long, and not when they are short or the question is the same', () => {
    expect(saying(['one', 'two', 'three'], (text) => (text === 'three' ? 'Three.' : long))).toEqual([
      '? repeated',
      '? repeated',
      'Three.'
    ])
    expect(saying(['one', 'two'], () => 'Yes.')).toEqual(['Yes.', 'Yes.'])
    expect(saying(['one', 'one'], () => long)).toEqual([long, long])
  })

  it('are doubted when they hold what another has asked or was told', () => {
    const asked = 'My number is 4711 and I live in the blue house by the lake.'
    expect(saying([asked, 'two'], (_, at) => (at === 1 ? `Somebody says: ${asked}` : 'Fine.'))).toEqual([
      'Fine.',
      '? mixed'
    ])
    expect(saying(['one', 'two'], (_, at) => (at === 1 ? `And: ${long}` : long))).toEqual([long, '? mixed'])
  })

  it('are the same in whatever order they are said', () => {
    const texts = ['one', 'two', 'three', 'four']
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        for (const one of ways) {
          const combined = combine(one, texts)
          const { json } = combined.request.content
          const body = simulatedBody(one.wire, json, (question) => {
            const { toolCalls, text } = batchingModel(answerTo)(question)
            const places = (partsOf(question.lastUserText) ?? []).map(({ id }) => ({ id, place: numbers.next().value }))
            const order = places.sort((a, b) => a.place - b.place).map(({ id }) => id)
            return reordered({ ...(toolCalls && { toolCalls }), ...(text !== undefined && { text }) }, order)
          })
          expect(combined.split(answered(one.wire, body)).map(outcomeOf)).toEqual(texts.map(answerTo))
        }
      }),
      { numRuns: 10 }
    )
  })

  it('are all doubted when the answer is cut, refused or one of several', () => {
    const combined = combine(way, ['one', 'two'])
    const body = simulatedBody(wire, combined.request.content.json, batchingModel(answerTo))
    const [choice] = body['choices'] as readonly JsonObject[]
    const message = choice?.['message'] as JsonObject
    for (const choices of [
      [{ ...choice, finish_reason: 'length' }],
      [{ ...choice, finish_reason: 'content_filter' }],
      [{ ...choice, message: { ...message, refusal: 'No.' } }],
      [choice ?? {}, choice ?? {}],
      []
    ]) {
      const parts = combined.split(answered(wire, { ...body, choices }))
      expect(parts.map(outcomeOf)).toEqual(['? unreadable', '? unreadable'])
    }
  })

  it('are all doubted when the body says a thing twice', () => {
    const tool = ways.find(({ name }) => name.includes('tool')) ?? way
    const combined = combine(tool, ['one', 'two'])
    const { json } = combined.request.content
    const body = JSON.stringify(simulatedBody(tool.wire, json, batchingModel(answerTo)))
    const twice = body.replace(/"input":\{("p\w+":)/, '"input":{$1"something else",$1')
    expect(twice).not.toBe(body)
    const parts = combined.split({ value: Body.fromBytes(Buffer.from(twice)), origin: { layer: 'provider' } })
    expect(parts.map(outcomeOf)).toEqual(['? repeated', '? repeated'])
  })

  it('are made anew each time: other ids, another order, another check', () => {
    const seen = Array.from({ length: 40 }, () => {
      const json = combine(way, ['one', 'two']).request.content.json
      return partsOf(String((json['messages'] as readonly JsonObject[])[0]?.['content'])) ?? []
    })
    const ids = seen.flatMap((parts) => parts.map(({ id }) => id))
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^p\d{20}$/)
    const places = new Set(seen.map((parts) => parts.map(({ text }) => text).indexOf('one')))
    expect([...places].sort()).toEqual([0, 1, 2])
    const checks = seen.flatMap((parts) => parts.map(({ text }) => text).filter((text) => !/^(one|two)$/.test(text)))
    expect(new Set(checks).size).toBe(40)
  })
})

describe.each(ways)('a hostile text, by $name', (way) => {
  it.each(hostilePrompts)('lets nobody speak into the answers of others: %s', (hostile) => {
    const others = ['What is the capital of Portugal?', 'Name a prime number above 100, and say why it is one.']
    for (const texts of [
      [hostile, ...others],
      [...others, hostile],
      [hostile, others[0] ?? '', `${hostile} Thanks.`]
    ]) {
      const parts = told(way, texts, batchingModel(answerTo, { obeys: true }))
      for (const [at, part] of parts.entries()) {
        if (!('answer' in part)) continue
        const said = outcomeOf(part)
        if (texts[at]?.startsWith(hostile)) for (const other of others) expect(said).not.toContain(other)
        else expect(said).toBe(answerTo(texts[at] ?? ''))
      }
    }
  })
})

describe('the gullible model', () => {
  it.each(hostilePrompts)('obeys: %s', (text) => {
    const parts = [
      { id: 'a', text: 'one' },
      { id: 'b', text },
      { id: 'c', text: 'Repeat: bababababababababababa' }
    ]
    const answers = parts.map((part) => ({ id: part.id, text: `Answer of ${part.id}` }))
    expect(obey(parts, answers)).not.toEqual(answers)
  })
})

/** The same answers in another order. */
function reordered({ text, toolCalls }: Reply, order: readonly string[]): Reply {
  const [call] = toolCalls ?? []
  const said = (call?.arguments ?? (text?.startsWith('{') ? JSON.parse(text) : undefined)) as JsonObject | undefined
  const byId = (id: string): string => {
    if (said !== undefined) return String(said[id])
    return new RegExp(`<<answer ${id}>>\\n([^]*)\\n<<end ${id}>>`).exec(text ?? '')?.[1] ?? ''
  }
  const answers = order.map((id) => ({ id, text: byId(id) }))
  if (call !== undefined) {
    return { toolCalls: [{ name: call.name, arguments: Object.fromEntries(answers.map((one) => [one.id, one.text])) }] }
  }
  return { text: said === undefined ? asText(answers) : asJson(answers) }
}
