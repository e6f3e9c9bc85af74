import { describe, expect, it } from 'vitest'
import { HandProvider, makeContext, neverInvalidated, settle, textKind } from '../../test/support/ask.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context, Delta } from '../core/handler.ts'
import { singleFlight } from './single-flight.ts'

function setUp() {
  const provider = new HandProvider()
  return { provider, ask: singleFlight(textKind, neverInvalidated).wrap(provider.ask) }
}

function streaming(seen: string[], own: Partial<Context> = {}): Context {
  return makeContext({ ...own, onDelta: ({ data }: Delta) => seen.push(data) })
}

describe('single flight', () => {
  it('lets 64 identical requests share one call, paid once', async () => {
    const { provider, ask } = setUp()
    const answers = Array.from({ length: 64 }, () => ask({ text: 'a' }, makeContext()))
    await settle()
    expect(provider.asked).toHaveLength(1)
    provider.asked[0]?.answer('one')
    const got = await Promise.all(answers)
    expect(got.map(({ value }) => value)).toEqual(Array(64).fill('one'))
    expect(got.filter(({ origin }) => origin.joined)).toHaveLength(63)
    expect(got.filter(({ origin }) => origin.costUsd === 0.5)).toHaveLength(1)
    expect(got.filter(({ origin }) => origin.savedUsd === 0.5)).toHaveLength(63)
  })

  it('asks again once a call has ended', async () => {
    const { provider, ask } = setUp()
    const first = ask({ text: 'a' }, makeContext())
    await settle()
    provider.asked[0]?.answer('one')
    await first
    void ask({ text: 'a' }, makeContext())
    await settle()
    expect(provider.asked).toHaveLength(2)
  })

  it('does not mix texts, scopes or modes', async () => {
    const { provider, ask } = setUp()
    void ask({ text: 'a' }, makeContext())
    void ask({ text: 'b' }, makeContext())
    void ask({ text: 'a' }, makeContext({ scope: ['other'] }))
    void ask({ text: 'a' }, makeContext({ mode: { noCache: true } }))
    await settle()
    expect(provider.asked).toHaveLength(4)
  })

  it('gives a late follower what has been said, and then the rest', async () => {
    const { provider, ask } = setUp()
    const first: string[] = []
    const late: string[] = []
    const answers = [ask({ text: 'a' }, streaming(first))]
    await settle()
    provider.asked[0]?.context.onDelta?.({ data: '1' })
    provider.asked[0]?.context.onDelta?.({ data: '2' })
    answers.push(ask({ text: 'a' }, streaming(late)))
    await settle()
    expect(late).toEqual(['1', '2'])
    provider.asked[0]?.context.onDelta?.({ data: '3' })
    provider.asked[0]?.answer('123')
    await Promise.all(answers)
    expect(first).toEqual(['1', '2', '3'])
    expect(late).toEqual(['1', '2', '3'])
  })

  it('is aborted when the last passenger has left, never before', async () => {
    const { provider, ask } = setUp()
    const callers = [new AbortController(), new AbortController(), new AbortController()]
    const answers = callers.map((caller) =>
      ask({ text: 'a' }, makeContext({ caller })).catch((error: RepriseError) => error.code)
    )
    await settle()
    const { signal } = (provider.asked[0]?.context ?? makeContext()).caller
    callers[0]?.abort()
    callers[2]?.abort()
    await settle()
    expect(signal.aborted).toBe(false)
    callers[1]?.abort()
    expect(signal.aborted).toBe(true)
    expect(await Promise.all(answers)).toEqual(['aborted', 'aborted', 'aborted'])
  })

  it('goes on for those who stay when the one who began has left', async () => {
    const { provider, ask } = setUp()
    const begun = new AbortController()
    const left = ask({ text: 'a' }, makeContext({ caller: begun }))
    const stays = ask({ text: 'a' }, makeContext())
    await settle()
    begun.abort()
    await expect(left).rejects.toMatchObject({ code: 'aborted' })
    provider.asked[0]?.answer('one')
    expect((await stays).value).toBe('one')
  })

  it('does not let anybody board a call that is being aborted', async () => {
    const { provider, ask } = setUp()
    const gone = new AbortController()
    const left = ask({ text: 'a' }, makeContext({ caller: gone }))
    await settle()
    gone.abort()
    const next = ask({ text: 'a' }, makeContext())
    await expect(left).rejects.toMatchObject({ code: 'aborted' })
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[1]?.answer('two')
    expect((await next).value).toBe('two')
  })

  it('fails all alike, and forgets the failure', async () => {
    const { provider, ask } = setUp()
    const answers = [ask({ text: 'a' }, makeContext()), ask({ text: 'a' }, makeContext())]
    await settle()
    provider.asked[0]?.fail(new Error('no'))
    for (const answer of answers) await expect(answer).rejects.toThrow('no')
    void ask({ text: 'a' }, makeContext())
    await settle()
    expect(provider.asked).toHaveLength(2)
  })

  it('keeps the trouble of one passenger from the others', async () => {
    const { provider, ask } = setUp()
    const seen: string[] = []
    const troubled = ask(
      { text: 'a' },
      makeContext({
        onDelta: () => {
          throw new Error('broken pipe')
        }
      })
    )
    const well = ask({ text: 'a' }, streaming(seen))
    await settle()
    provider.asked[0]?.context.onDelta?.({ data: '1' })
    await expect(troubled).rejects.toThrow('broken pipe')
    provider.asked[0]?.answer('1')
    expect((await well).value).toBe('1')
    expect(seen).toEqual(['1'])
  })

  it('asks once more, together, for plain callers who joined a stream that cannot be kept', async () => {
    const { provider, ask } = setUp()
    const stream = ask({ text: 'a' }, streaming([]))
    const plain = [ask({ text: 'a' }, makeContext()), ask({ text: 'a' }, makeContext())]
    await settle()
    provider.asked[0]?.fail(new RepriseError('provider-malformed', 'cannot be kept'))
    await expect(stream).rejects.toMatchObject({ code: 'provider-malformed' })
    await settle()
    expect(provider.asked).toHaveLength(2)
    provider.asked[1]?.answer('whole')
    for (const answer of plain) expect((await answer).value).toBe('whole')
  })
})
