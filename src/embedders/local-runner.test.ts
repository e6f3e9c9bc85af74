import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import { embeddingFiles, slowEmbeddingOnnx, tinyTokenizer, writeModel } from '../../test/support/tiny-model.ts'
import { type WatchedLibrary, watchedLibrary } from '../../test/support/watched-library.ts'
import type { ThreadModel } from './local-protocol.ts'
import { LocalRunner } from './local-runner.ts'

const temporary = temporaryFolder()
const opened: LocalRunner[] = []
let folders = 0

afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(opened.splice(0).map((runner) => runner.close()))
})

afterAll(() => temporary.remove())

function start(
  given: Partial<ThreadModel> = {},
  files: Readonly<Record<string, string | Buffer>> = embeddingFiles()
): { runner: LocalRunner; log: WatchedLibrary['log'] } {
  const folder = join(temporary.path, `model-${folders++}`)
  writeModel(folder, files)
  const { library, log } = watchedLibrary(folder)
  const model: ThreadModel = {
    library,
    task: 'embedding',
    folder,
    file: 'model',
    isQuantized: false,
    pooling: 'mean',
    threads: 1,
    ...given
  }
  const runner = new LocalRunner(model)
  opened.push(runner)
  return { runner, log }
}

const patience = { timeout: 30_000 }

const slow = (rounds: number) => ({ ...tinyTokenizer(), 'onnx/model.onnx': slowEmbeddingOnnx(rounds) })

describe('the runner of a local model', () => {
  it('runs what waits together, at most 32 texts', async () => {
    const { runner, log } = start()
    const one = runner.ask([['moon']])
    const many = runner.ask(new Array(40).fill(['the earth']))
    const another = runner.ask([['how old is the moon']])
    expect([(await one).length, (await many).length, (await another).length]).toEqual([1, 40, 1])
    expect(log()).toEqual(['load', 'run 32,4', 'run 10,7'])
  })

  it('does not run short texts as long as a long one beside them', async () => {
    const { runner, log } = start()
    const long = 'moon '.repeat(1000)
    await runner.ask([['moon'], ['earth'], [long], ...new Array(70).fill(['moon'])])
    // The long one is left out, and at most 64 texts beside it.
    expect(log().slice(1, 3)).toEqual(['run 31,3', 'run 32,3'])
  })

  it('runs one text at a time of a quantised model, whose numbers would depend on the others', async () => {
    const { runner, log } = start({ isQuantized: true })
    await runner.ask([['moon'], ['the moon'], ['why']])
    expect(log()).toEqual(['load', 'run 1,3', 'run 1,4', 'run 1,3'])
  })

  it('does not begin what nobody waits for any more', async () => {
    const { runner, log } = start()
    const caller = new AbortController()
    const wanted = runner.ask([['moon']])
    const deserted = runner.ask([['how old is the earth']], caller.signal)
    caller.abort(new Error('gone'))
    await expect(deserted).rejects.toMatchObject({ code: 'aborted', cause: new Error('gone') })
    await wanted
    expect(log()).toEqual(['load', 'run 1,3'])
    await expect(runner.ask([['moon']], AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' })
  })

  it('lets a caller go in the middle of a run, and answers the next one', async () => {
    const { runner, log } = start({}, slow(300))
    await runner.ask([['moon']])
    const caller = new AbortController()
    let isOver = false
    const deserted = runner.ask(new Array(40).fill(['the earth']), caller.signal).finally(() => {
      isOver = true
    })
    await vi.waitUntil(() => log().includes('run 32,4'), patience)
    expect(isOver).toBe(false)
    caller.abort()
    await expect(deserted).rejects.toMatchObject({ code: 'aborted' })
    expect(await runner.ask([['moon']])).toHaveLength(1)
    // The eight texts that had not begun were not run.
    expect(log()).toEqual(['load', 'run 1,3', 'run 32,4', 'run 1,3'])
  })

  it('rejects all that was asked when it ends by itself, and starts again with the next call', async () => {
    const { runner, log } = start()
    const moon = await runner.ask([['moon']])
    const asked = [runner.ask([['die']]), runner.ask([['moon']])]
    for (const each of await Promise.allSettled(asked)) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { code: 'embedder-unavailable', message: /ended with code 7/ }
      })
    }
    expect(await runner.ask([['moon']])).toEqual(moon)
    expect(log()).toEqual(['load', 'run 1,3', 'load', 'run 1,3'])
  })

  it('rests after three threads that have answered nothing, and starts again half a minute later', async () => {
    const { runner, log } = start()
    for (let time = 0; time < 3; time++) await expect(runner.ask([['die']])).rejects.toThrow('ended with code 7')
    await expect(runner.ask([['moon']])).rejects.toThrow(/failed 3 times in a row and rests for 30 s: .*code 7/)
    expect(log()).toEqual(['load', 'load', 'load'])
    const now = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(now + 30_001)
    expect(await runner.ask([['moon']])).toHaveLength(1)
  })

  it('says which package is missing, and how to get it', async () => {
    const { runner } = start({ library: '@nobody/has-this' })
    await expect(runner.ask([['moon']])).rejects.toMatchObject({
      code: 'missing-dependency',
      message: expect.stringMatching(/need the package @nobody\/has-this, .*: npm install @nobody\/has-this$/)
    })
  })

  it('says what a model of another kind gives', async () => {
    const { runner } = start({ task: 'pair', library: '@huggingface/transformers' })
    await expect(runner.ask([['moon', 'earth']])).rejects.toMatchObject({
      message: expect.stringContaining('expected logits of 2 dimensions and type float32, got logits [nothing]')
    })
    // One failed run is not the end of the thread.
    await expect(runner.ask([['moon', 'earth']])).rejects.toThrow('expected logits')
  })

  it('is closed in the middle of a run', async () => {
    const { runner, log } = start({}, slow(300))
    const asked = runner.ask(new Array(40).fill(['moon']))
    const rejected = expect(asked).rejects.toThrow('closed')
    await vi.waitUntil(() => log().includes('run 32,3'), patience)
    await runner.close()
    await rejected
    await runner.close()
    await expect(runner.ask([['moon']])).rejects.toThrow('closed')
  })
})
