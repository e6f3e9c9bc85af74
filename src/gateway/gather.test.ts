import { describe, expect, it } from 'vitest'
import { makeContext } from '../../test/support/ask.ts'
import type { Caller } from '../core/handler.ts'
import type { Embedding, EmbeddingInput } from '../wires/openai-embeddings.ts'
import { Gather } from './gather.ts'

const embedding = (input: EmbeddingInput): Embedding => ({
  item: {},
  vector: [String(input).length],
  rest: {},
  tokens: 1
})

function setUp(inputs: number) {
  const asked: (readonly EmbeddingInput[])[] = []
  const callers: Caller[] = []
  const answers: (() => void)[] = []
  const gather = new Gather(inputs, (batch, caller) => {
    asked.push(batch)
    callers.push(caller)
    return new Promise((resolve) => {
      answers.push(() => resolve({ embeddings: batch.map(embedding), origin: { layer: 'provider', costUsd: 1 } }))
    })
  })
  return { gather, asked, callers, answers }
}

describe('a gather', () => {
  it('asks once, for what is asked here, when all inputs are decided', async () => {
    const { gather, asked, answers } = setUp(3)
    const both = [gather.ask('a', makeContext()), gather.ask('bb', makeContext())]
    expect(asked).toEqual([])
    gather.decided()
    expect(asked).toEqual([['a', 'bb']])
    answers[0]?.()
    const got = await Promise.all(both)
    expect(got.map(({ value, origin }) => [value.vector, origin.costUsd])).toEqual([
      [[1], 0.5],
      [[2], 0.5]
    ])
  })

  it('asks nobody when all is known', () => {
    const { gather, asked } = setUp(2)
    gather.decided()
    gather.decided()
    expect(asked).toEqual([])
  })

  it('does not let a caller who leaves take along an input that is still looked up', async () => {
    const { gather, asked, callers, answers } = setUp(2)
    const leaver = new AbortController()
    const left = gather.ask('a', makeContext({ caller: leaver }))
    leaver.abort()
    await expect(left).rejects.toMatchObject({ code: 'aborted' })
    const stays = gather.ask('bb', makeContext())
    expect(asked).toEqual([['bb']])
    expect(callers[0]?.signal.aborted).toBe(false)
    answers[0]?.()
    expect((await stays).value.vector).toEqual([2])
  })

  it('is aborted when nobody waits for any of its inputs any more, and takes nobody on who has gone', async () => {
    const { gather, asked, callers } = setUp(3)
    const [one, two, gone] = [new AbortController(), new AbortController(), new AbortController()]
    gone.abort()
    const answers = [one, two, gone].map((caller) =>
      gather.ask('a', makeContext({ caller })).catch((error) => error.code)
    )
    expect(asked).toEqual([['a', 'a']])
    one.abort()
    expect(callers[0]?.signal.aborted).toBe(false)
    two.abort()
    expect(callers[0]?.signal.aborted).toBe(true)
    expect(await Promise.all(answers)).toEqual(['aborted', 'aborted', 'aborted'])
  })
})
