import { describe, expect, it } from 'vitest'
import { type Asked, type AskedInVain, type AskedWell, askAll } from './ask-all.ts'
import { SpendingLimit } from './spending-limit.ts'

async function* numbers(count: number): AsyncGenerator<number, void, undefined> {
  for (let number = 1; number <= count; number++) yield number
}

function well(costUsd = 0): AskedWell<string> {
  return { ok: true, costUsd, answer: 'x' }
}

function vain(more: Partial<AskedInVain> = {}): AskedInVain {
  return { ok: false, status: 400, message: 'no', mayPass: false, concernsAll: false, ...more }
}

/** Lets everything that waits for nothing happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A clock that stands still but for what is waited. */
function clock() {
  const waits: number[] = []
  let nowMs = 0
  return {
    waits,
    now: () => nowMs,
    async wait(ms: number) {
      waits.push(ms)
      nowMs += ms
    }
  }
}

/** Requests that are under way until the test ends them. */
function held() {
  const open = new Map<number, (asked: Asked<string>) => void>()
  return {
    open,
    ask: (item: number) => new Promise<Asked<string>>((resolve) => open.set(item, resolve)),
    async end(item: number, asked = well()) {
      open.get(item)?.(asked)
      open.delete(item)
      await settle()
    }
  }
}

describe('askAll', () => {
  it('asks for each once, so many at a time and in order', async () => {
    const begun: number[] = []
    const settled: number[] = []
    let underWay = 0
    let most = 0
    const end = await askAll({
      items: numbers(50),
      async ask(item) {
        begun.push(item)
        most = Math.max(most, ++underWay)
        await new Promise((resolve) => setImmediate(resolve))
        underWay -= 1
        return well()
      },
      settled: (item) => settled.push(item),
      concurrency: 7
    })
    expect(end).toBe('finished')
    expect(begun).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    expect(settled.toSorted((a, b) => a - b)).toEqual(begun)
    expect(most).toBe(7)
  })

  it('asks again what may pass, after the wait that was said or after longer and longer ones', async () => {
    const time = clock()
    const answers = [
      vain({ status: 503, mayPass: true, retryAfterMs: 7000 }),
      vain({ status: 503, mayPass: true }),
      vain({ mayPass: true }),
      well()
    ]
    const settled: Asked<string>[] = []
    const end = await askAll({
      items: numbers(1),
      ask: async () => answers.shift() ?? vain(),
      settled: (_, asked) => settled.push(asked),
      concurrency: 2,
      ...time
    })
    expect([end, settled]).toEqual(['finished', [well()]])
    expect(time.waits).toEqual([7000, 1000, 2000])
  })

  it('gives up after five times, at once on what will not pass, and on a wait that is too long', async () => {
    for (const [failure, times] of [
      [vain({ mayPass: true }), 5],
      [vain(), 1],
      [vain({ mayPass: true, retryAfterMs: 3_600_000 }), 1]
    ] as const) {
      let asked = 0
      const settled: Asked<string>[] = []
      const ask = async (): Promise<Asked<string>> => {
        asked += 1
        return failure
      }
      await askAll({
        items: numbers(1),
        ask,
        settled: (_, outcome) => settled.push(outcome),
        concurrency: 1,
        ...clock()
      })
      expect([asked, settled]).toEqual([times, [failure]])
    }
  })

  it('begins nothing while somebody has said to wait', async () => {
    const begun: string[] = []
    let release = (): void => {}
    const waiting: number[] = []
    const run = askAll({
      items: numbers(3),
      async ask(item) {
        begun.push(`${item}`)
        return begun.length === 1 ? vain({ status: 429, mayPass: true, retryAfterMs: 1000 }) : well()
      },
      settled: () => {},
      concurrency: 1,
      now: () => 0,
      wait: (ms) => {
        waiting.push(ms)
        return new Promise((resolve) => {
          release = resolve
        })
      }
    })
    await settle()
    expect([begun, waiting]).toEqual([['1'], [1000]])
    release()
    await settle()
    // The one that was told to wait has been asked; the next waits for the time that was named.
    expect([begun, waiting]).toEqual([
      ['1', '1'],
      [1000, 1000]
    ])
    expect(await Promise.race([run, 'still waiting'])).toBe('still waiting')
  })

  it('stops before more than the budget is spent', async () => {
    let spent = 0
    const budget = new SpendingLimit(1)
    const end = await askAll({
      items: numbers(1000),
      ask: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return well(0.03)
      },
      settled: (_, asked) => {
        if (asked.ok) spent += asked.costUsd ?? 0
      },
      concurrency: 8,
      budget
    })
    expect(end).toBe('over-budget')
    expect(spent).toBeCloseTo(0.99, 10)
  })

  it('has spent nothing on hits, and does not call what ends with the budget unfinished', async () => {
    const budget = new SpendingLimit(0.1)
    const ask = async (item: number) => well(item % 10 === 0 ? 0.01 : 0)
    expect(await askAll({ items: numbers(100), ask, settled: () => {}, concurrency: 8, budget })).toBe('finished')
    expect(budget.spentUsd).toBeCloseTo(0.1, 10)
  })

  it('waits for what is under way, for it may leave room for one more', async () => {
    const { ask, end, open } = held()
    const run = askAll({ items: numbers(9), ask, settled: () => {}, concurrency: 4, budget: new SpendingLimit(1) })
    await settle()
    expect([...open.keys()]).toEqual([1])
    await end(1, well(0.4))
    expect([...open.keys()]).toEqual([2])
    await end(2, well(0))
    expect([...open.keys()]).toHaveLength(1)
    await end([...open.keys()][0] ?? 0, well(0.4))
    expect(await run).toBe('over-budget')
  })

  it('ends at an answer without a price when there is a budget, unless that is allowed', async () => {
    const settled: number[] = []
    const options = {
      ask: async (item: number): Promise<Asked<string>> => ({ ...well(), costUsd: item === 3 ? undefined : 0.01 }),
      settled: (item: number) => settled.push(item),
      concurrency: 1
    }
    expect(await askAll({ ...options, items: numbers(9), budget: new SpendingLimit(1) })).toBe('price-unknown')
    expect(settled).toEqual([1, 2, 3])
    const budget = new SpendingLimit(1)
    expect(await askAll({ ...options, items: numbers(9), budget, allowUnknown: true })).toBe('finished')
    expect(await askAll({ ...options, items: numbers(9) })).toBe('finished')
  })

  it('ends when nobody fares any better, and not because of lines that are wrong', async () => {
    let asked = 0
    const run = (failure: (item: number) => Asked<string>) => {
      asked = 0
      const ask = async (item: number) => {
        asked += 1
        return failure(item)
      }
      return askAll({ items: numbers(100), ask, settled: () => {}, concurrency: 1, patience: 5 })
    }
    expect([await run(() => vain({ concernsAll: true })), asked]).toEqual(['failing', 5])
    expect([await run(() => vain()), asked]).toEqual(['finished', 100])
    const mostly = (item: number) => (item % 5 === 0 ? well() : vain({ concernsAll: true }))
    expect([await run(mostly), asked]).toEqual(['finished', 100])
  })

  it('begins nothing more when it is to stop, and waits for what is under way', async () => {
    const { ask, end, open } = held()
    const stop = new AbortController()
    const settled: number[] = []
    const run = askAll({
      items: numbers(9),
      ask,
      settled: (item) => settled.push(item),
      concurrency: 3,
      stop: stop.signal
    })
    await settle()
    await end(2)
    stop.abort()
    for (const item of [1, 3, 4]) {
      expect(await Promise.race([run, 'waits'])).toBe('waits')
      await end(item)
    }
    expect([await run, settled, open.size]).toEqual(['stopped', [2, 1, 3, 4], 0])
  })

  it('gives up what waits to be asked again when it is to stop, and calls it neither done nor failed', async () => {
    const stop = new AbortController()
    const settled: number[] = []
    const run = askAll({
      items: numbers(9),
      ask: async () => vain({ mayPass: true, retryAfterMs: 60_000 }),
      settled: (item) => settled.push(item),
      concurrency: 3,
      stop: stop.signal
    })
    await settle()
    stop.abort()
    expect([await run, settled]).toEqual(['stopped', []])
  })

  it('leaves at once when it is to give up', async () => {
    const abort = new AbortController()
    const settled: number[] = []
    const run = askAll({
      items: numbers(9),
      ask: (_, signal) =>
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      settled: (item) => settled.push(item),
      concurrency: 3,
      abort: abort.signal
    })
    await settle()
    abort.abort()
    expect([await run, settled]).toEqual(['stopped', []])
  })

  it('throws what asking throws, after all that was under way has ended', async () => {
    const { ask, end } = held()
    const settled: number[] = []
    const run = askAll({
      items: numbers(9),
      ask: (item) => (item === 2 ? Promise.reject(new TypeError('odd')) : ask(item)),
      settled: (item) => settled.push(item),
      concurrency: 3
    })
    run.catch(() => {})
    await settle()
    await end(1)
    await end(3)
    await expect(run).rejects.toThrow('odd')
    expect(settled).toEqual([1, 3])
  })
})
