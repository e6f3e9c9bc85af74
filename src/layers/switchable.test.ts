import { describe, expect, it } from 'vitest'
import { HandProvider, makeContext, neverInvalidated, settle, stand, textKind } from '../../test/support/ask.ts'
import type { Handler } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import { Entries } from '../stores/entries.ts'
import { memoryStore } from '../stores/memory.ts'
import { exact } from './exact.ts'
import { singleFlight } from './single-flight.ts'
import { switchable } from './switchable.ts'
import { Switches } from './switches.ts'

const asking: Handler<{ text: string }, string> = async () => ({ value: 'asked', origin: { layer: 'provider' } })

describe('a layer that can be switched', () => {
  it('is passed by while it is off, without a read or an event', async () => {
    const store = memoryStore()
    const switches = new Switches(store)
    await switches.start()
    const entries = new Entries(store)
    const [request, tomorrowMs] = [{ text: 'a' }, Date.now() + 86_400_000]
    const key = keyOf(textKind, request, [])
    const times = { storedAtMs: Date.now(), freshUntilMs: tomorrowMs, expiresAtMs: tomorrowMs }
    await entries.put({ key, kind: 'text', ...times, tags: [], body: Buffer.from('known') })
    let reads = 0
    const counting = Object.assign(Object.create(entries), {
      get: (asked: string) => {
        reads++
        return entries.get(asked)
      },
      peek: (asked: string) => {
        reads++
        return entries.peek(asked)
      }
    }) as Entries
    const layer = switchable(exact(textKind, counting), () => switches.isOn('exact'))
    const handler = stand(layer, asking)

    expect((await handler(request, makeContext())).value).toBe('known')
    expect(layer.peek(request, makeContext())?.value).toBe('known')
    expect(reads).toBe(2)
    await switches.set('exact', false)
    const off = makeContext()
    expect((await handler(request, off)).value).toBe('asked')
    expect(layer.peek(request, off)).toBeUndefined()
    expect([reads, off.events]).toEqual([2, []])
    await switches.set('exact', true)
    expect((await handler(request, makeContext())).value).toBe('known')
    switches.close()
    await entries.close()
  })

  it('lets a call end as it began when it is switched off meanwhile', async () => {
    let isOn = true
    const provider = new HandProvider()
    const handler = stand(
      switchable(singleFlight(textKind, neverInvalidated), () => isOn),
      provider.ask
    )
    const [first, second] = [handler({ text: 'a' }, makeContext()), handler({ text: 'a' }, makeContext())]
    await settle()
    isOn = false
    const alone = handler({ text: 'a' }, makeContext())
    await settle()
    expect(provider.asked.length).toBe(2)
    for (const { answer } of provider.asked) answer('same')
    const joined = (await Promise.all([first, second, alone])).map(({ origin }) => origin.joined ?? false)
    expect(joined).toEqual([false, true, false])
  })

  it('keeps its name, and can be peeked at only where the layer can', () => {
    const flight = switchable(singleFlight(textKind, neverInvalidated), () => true)
    expect([flight.name, 'peek' in flight]).toEqual(['single-flight', false])
  })
})
