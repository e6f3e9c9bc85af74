import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddingsServer, embeddingsServer } from '../../test/support/embeddings-server.ts'
import { spellingModel } from '../../test/support/static-model.ts'
import { temporaryFolder } from '../../test/support/temporary-folder.ts'
import type { Embedder } from './embedder.ts'
import { openEmbedder } from './open.ts'

const temporary = temporaryFolder()
const opened: Embedder[] = []
let server: EmbeddingsServer

beforeAll(async () => {
  server = await embeddingsServer()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((embedder) => embedder.close()))
  server.calls.length = 0
})
afterAll(async () => {
  temporary.remove()
  await server.close()
})

async function open(...[spec, options]: Parameters<typeof openEmbedder>): Promise<Embedder> {
  const embedder = await openEmbedder(spec, options)
  opened.push(embedder)
  return embedder
}

describe('openEmbedder', () => {
  it.each(['model', 'C:\\models', 'a:b'])('opens a static model in a folder: %s', async (name) => {
    const folder = join(temporary.path, name)
    spellingModel(folder)
    const embedder = await open(`static:${folder}`)
    expect(embedder.name).toBe('static')
    expect((await embedder.embed(['hello']))[0]).toHaveLength(16)
  })

  it('finds a static model by its name in the cache folder', async () => {
    spellingModel(join(temporary.path, 'maker', 'model'))
    expect(await open('static:maker/model', { cacheFolder: temporary.path })).toMatchObject({ name: 'static' })
  })

  it('opens an OpenAI embedder, whose model may have a tag', async () => {
    const embedder = await open('openai:nomic-embed-text:latest', { openaiUrl: server.url, openaiKey: 'sk-1' })
    await embedder.embed(['hello'])
    expect(server.calls[0]).toMatchObject({
      headers: { authorization: 'Bearer sk-1' },
      body: { model: 'nomic-embed-text:latest' }
    })
    expect(await open('openai:text-embedding-3-small')).toMatchObject({ model: 'openai:text-embedding-3-small' })
  })

  it('opens a Voyage embedder', async () => {
    const embedder = await open('voyage:voyage-4', { voyageUrl: server.url, voyageKey: 'pa-1' })
    await embedder.embed(['hello'])
    expect(server.calls[0]).toMatchObject({ headers: { authorization: 'Bearer pa-1' }, body: { model: 'voyage-4' } })
  })

  it('opens none at Voyage without a key, and says where it goes', async () => {
    const message = expect.stringContaining('REPRISE_EMBEDDER_KEY')
    await expect(openEmbedder('voyage:voyage-4')).rejects.toMatchObject({ code: 'invalid-option', message })
    await expect(openEmbedder('voyage:voyage-4', { voyageKey: '' })).rejects.toMatchObject({ message })
  })

  it('lets the similarity be chosen', async () => {
    expect(await open('openai:text-embedding-3-small', { minSimilarity: 0.8 })).toMatchObject({ minSimilarity: 0.8 })
    expect(await open('voyage:voyage-4', { voyageKey: 'pa-1', minSimilarity: 0.8 })).toMatchObject({
      minSimilarity: 0.8
    })
    const folder = join(temporary.path, 'similar')
    spellingModel(folder)
    expect(await open(`static:${folder}`, { minSimilarity: 0.8 })).toMatchObject({ minSimilarity: 0.8 })
    await expect(openEmbedder('openai:m', { minSimilarity: 80 })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it.each([
    '',
    'static',
    'static:',
    'openai',
    'openai:',
    'voyage',
    'Openai:m',
    'cohere:embed',
    'localhost',
    'text-embedding-3-small'
  ])('refuses %j', async (spec) => {
    const opening = openEmbedder(spec)
    await expect(opening).rejects.toMatchObject({
      code: 'invalid-option',
      message: `embedder: expected static:FOLDER_OR_NAME, local, local:MODEL, openai:MODEL or voyage:MODEL, got ${JSON.stringify(spec)}`
    })
  })
})
