import { localEmbedder } from '../../src/embedders/local.ts'

/** How a process of its own comes to its end while it uses a local embedder that nobody closes. */
export interface LocalWork {
  readonly folder: string
  /**
   * `idle`: has nothing left to do. `waiting`: waits for nothing but an answer. `loading`, `running`: is ended by
   * `process.exit` in the middle of that. `failing`: by an error that nobody catches, in the middle of a run.
   */
  readonly end: 'idle' | 'waiting' | 'loading' | 'running' | 'failing'
}

async function main(): Promise<void> {
  const { folder, end } = JSON.parse(process.argv[2] ?? '') as LocalWork
  if (end === 'loading') {
    void localEmbedder({ model: folder, precision: 'float32' })
    // Long enough for the thread to be at it, and not for it to be done: either way is as good.
    setTimeout(() => process.exit(), 500)
    return
  }
  const embedder = await localEmbedder({ model: folder, precision: 'float32' })
  await embedder.embed(['moon'])
  const many = embedder.embed(new Array<string>(1000).fill('how old is the earth'))
  if (end === 'idle') await many
  if (end === 'waiting') void many.then((vectors) => console.log(vectors.length))
  if (end === 'running') setTimeout(() => process.exit(), 50)
  if (end === 'failing') {
    setTimeout(() => {
      throw new Error('on purpose')
    }, 50)
  }
}

await main()
