import { describe, expect, it } from 'vitest'
import { Turns } from './turns.ts'

/** Works for so long without letting go. */
function spin(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

describe('turns', () => {
  it('does a job step by step until it says that it is done', async () => {
    let left = 1000
    await new Turns({ sliceMs: 1 }).work(() => --left === 0)
    expect(left).toBe(0)
  })

  it('lets others have their turn between slices', async () => {
    const turns = new Turns({ sliceMs: 1 })
    const heard: string[] = []
    let steps = 0
    const done = turns.work(() => {
      spin(2)
      heard.push('step')
      setImmediate(() => heard.push('other'))
      return ++steps === 3
    })
    await done
    expect(heard).toEqual(['step', 'other', 'step', 'other', 'step'])
  })

  it('does a short job beside a long one', async () => {
    const turns = new Turns({ sliceMs: 50 })
    let long = 10_000
    let short = 3
    let leftOfLong = 0
    const longDone = turns.work(() => --long === 0)
    await turns.work(() => {
      leftOfLong = long
      return --short === 0
    })
    await longDone
    expect(leftOfLong).toBe(9997)
  })

  it('rejects what throws, and goes on with the rest', async () => {
    const turns = new Turns({ sliceMs: 1 })
    const bad = turns.work(() => {
      throw new Error('broken')
    })
    const good = turns.work(() => true)
    await expect(bad).rejects.toThrow('broken')
    await good
  })

  it('does nothing more once all is done, and begins again', async () => {
    const turns = new Turns({ sliceMs: 1, gapMs: 1 })
    await turns.work(() => true)
    let ran = 0
    await turns.work(() => ++ran === 2)
    expect(ran).toBe(2)
  })
})
