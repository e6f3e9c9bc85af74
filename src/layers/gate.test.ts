import { describe, expect, it } from 'vitest'
import { makeContext, textKind } from '../../test/support/ask.ts'
import type { Handler } from '../core/handler.ts'
import type { Json } from '../core/json.ts'
import type { Mode } from '../core/mode.ts'
import { gate } from './gate.ts'

const last: Handler<{ text: string }, string> = async () => ({ value: 'from the last', origin: { layer: 'provider' } })
const next: Handler<{ text: string }, string> = async () => ({ value: 'from the layers', origin: { layer: 'exact' } })

describe('the gate', () => {
  it('lets through what may be cached', async () => {
    expect((await gate(textKind, last).wrap(next)({ text: 'a' }, makeContext())).value).toBe('from the layers')
  })

  it('leads around what no key can be made of', async () => {
    let deep: Json = 0
    for (let level = 0; level < 100_000; level++) deep = [deep]
    const context = makeContext()
    const answer = await gate({ ...textKind, identity: () => deep }, last).wrap(next)({ text: 'a' }, context)
    expect(answer).toMatchObject({ value: 'from the last', origin: { bypass: 'too-deep', stored: false } })
    expect(context.events).toEqual([
      { type: 'looked-up', layer: 'exact', kind: 'text' },
      { type: 'bypass', layer: 'exact', kind: 'text', reason: 'too-deep' }
    ])
  })

  it.each<[string, string, Mode, boolean, string[]]>([
    ['its caller says no-store', 'a', { noStore: true, onlyIfCached: true }, true, ['looked-up', 'bypass']],
    ['its kind says so', 'volatile', { onlyIfCached: true }, true, ['looked-up', 'bypass']],
    ['all is switched off', 'a', { onlyIfCached: true }, false, []]
  ])('has no answer under only-if-cached when %s', async (_, text, mode, isOn, told) => {
    const context = makeContext({ mode })
    const asking = gate(textKind, last, () => isOn).wrap(next)({ text }, context)
    await expect(asking).rejects.toMatchObject({ code: 'only-if-cached' })
    expect(context.events.map(({ type }) => type)).toEqual(told)
  })

  it('does not hide a mistake', async () => {
    const broken = {
      ...textKind,
      identity: (): Json => {
        throw new TypeError('a mistake')
      }
    }
    await expect(gate(broken, last).wrap(next)({ text: 'a' }, makeContext())).rejects.toThrow('a mistake')
  })
})
