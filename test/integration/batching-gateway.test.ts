import { afterEach, describe, expect, it } from 'vitest'
import type { Event } from '../../src/core/events.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { batchingModel } from '../support/batching-model.ts'
import { makeStand, type Stand } from '../support/gateway.ts'

/* What a gateway makes of requests that wait for each other when something else comes between. */

let stand: Stand
afterEach(() => stand?.close())

const answerTo = (question: string): string => `The answer to "${question}".`
const together = { 'x-reprise-batch': 'on' }
const patient: GatewayOptions = { deadlineMs: 10_000, batch: { windowMs: 60_000, size: 3 } }

async function open(options: GatewayOptions = patient): Promise<void> {
  stand = await makeStand(options, { answer: batchingModel(answerTo) })
}

async function ask(content: string, own: object = {}, headers: Record<string, string> = together) {
  const { data, response } = await stand
    .openai()
    .chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }], ...own }, { headers })
    .withResponse()
  const text = 'choices' in data ? (data.choices[0]?.message.content ?? '') : ''
  return { text, batched: response.headers.get('x-reprise-batched'), layer: response.headers.get('x-reprise-layer') }
}

async function askStreamed(content: string): Promise<string> {
  const body = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }], stream: true as const }
  const stream = await stand.openai().chat.completions.create(body, { headers: together })
  let text = ''
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  return text
}

/** Resolves when so many events of a type have been observed. */
function seen(type: string, times = 1): { readonly promise: Promise<void>; readonly observe: (event: Event) => void } {
  let tell = (): void => {}
  let left = times
  const promise = new Promise<void>((resolve) => {
    tell = resolve
  })
  return {
    promise,
    observe(event) {
      if (event.type === type && --left === 0) tell()
    }
  }
}

describe('a gateway whose callers wait for each other', () => {
  it('asks 200 at once in as many calls as they fill', async () => {
    await open({ ...patient, batch: { on: true, windowMs: 60_000, size: 5 } })
    const questions = Array.from({ length: 200 }, (_, at) => `question ${at}`)
    const told = await Promise.all(questions.map((question) => ask(question, {}, {})))
    expect(told.map(({ text }) => text)).toEqual(questions.map(answerTo))
    expect(stand.provider.count()).toBe(40)
  })

  it('asks a header’s `off` alone where all others are asked together', async () => {
    await open({ ...patient, batch: { on: true, windowMs: 60_000, size: 2 } })
    expect(await ask('one', {}, { 'x-reprise-batch': 'off' })).toMatchObject({ batched: null, text: answerTo('one') })
  })

  it('does not wait with no window', async () => {
    await open({ ...patient, batch: { on: true, windowMs: 0, size: 5 } })
    expect((await ask('one')).text).toBe(answerTo('one'))
  })

  it('answers a stream that asks for the same as one who waits', async () => {
    const [looked, joined] = [seen('looked-up'), seen('joined')]
    const observe = (event: Event): void => {
      looked.observe(event)
      joined.observe(event)
    }
    await open({ ...patient, observe })
    const one = ask('one')
    await looked.promise
    const same = askStreamed('one')
    await joined.promise
    const told = await Promise.all([one, ask('two'), ask('three')])
    expect(told.map(({ text }) => text)).toEqual(['one', 'two', 'three'].map(answerTo))
    expect(await same).toBe(answerTo('one'))
    expect(stand.provider.count()).toBe(1)
  })

  it('asks those who wait together, and who come later alone, when the layer is switched off', async () => {
    const { promise: looked, observe } = seen('looked-up')
    await open({ ...patient, observe, batch: { windowMs: 300, size: 5 } })
    const waiting = ask('one')
    await looked
    const switched = await fetch(`${stand.gateway.adminUrl}/switches/batch`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"on":false}'
    })
    expect(switched.status).toBe(200)
    expect(await ask('two')).toMatchObject({ batched: null, text: answerTo('two') })
    expect((await waiting).text).toBe(answerTo('one'))
  })

  it('answers them before it ends', async () => {
    const { promise: looked, observe } = seen('looked-up', 2)
    await open({ ...patient, observe, batch: { windowMs: 300, size: 5 } })
    const waiting = Promise.all([ask('one'), ask('two')])
    await looked
    await stand.gateway.close(3000)
    expect((await waiting).map(({ text }) => text)).toEqual(['one', 'two'].map(answerTo))
  })

  it('asks alone whom the cache is not asked for, and whom only it may answer', async () => {
    await open({ ...patient, batch: { windowMs: 60_000, size: 2 } })
    const noStore = { ...together, 'cache-control': 'no-store' }
    expect(await ask('one', {}, noStore)).toMatchObject({ batched: null, text: answerTo('one') })
    await expect(ask('two', {}, { ...together, 'cache-control': 'only-if-cached' })).rejects.toMatchObject({
      status: 504
    })
  })

  it('tries again alone when their provider breaks off in the middle', async () => {
    await open()
    stand.provider.fail('cut-plain')
    const told = await Promise.all(['one', 'two', 'three'].map((question) => ask(question)))
    expect(told.map(({ text }) => text)).toEqual(['one', 'two', 'three'].map(answerTo))
  })
})
