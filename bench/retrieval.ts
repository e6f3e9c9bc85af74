import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCache } from '../src/cache.ts'
import type { Answer } from '../src/core/answer.ts'
import type { Context } from '../src/core/handler.ts'
import type { Json } from '../src/core/json.ts'
import { type Documents, documentTag, type RetrievalRequest } from '../src/core/retrieval-kind.ts'
import type { Embedder } from '../src/embedders/embedder.ts'
import { openEmbedder } from '../src/embedders/open.ts'
import { localVectors } from '../src/vectors/local.ts'

const topK = 5

/**
 * XQuAD's 1,190 questions over its 240 paragraphs, through the retrieval cache and around a real vector search: how
 * often embedder and search are asked, and whether a hit by meaning holds the paragraph that answers the question as
 * often as the search that was spared would have.
 */
export async function benchRetrieval(): Promise<void> {
  const data = process.env['REPRISE_DATA'] ?? join('..', 'shared', 'data')
  const file = join(data, 'rag', 'xquad.en.json')
  const model = join(data, '..', 'models', 'static-256')
  if (!existsSync(file) || !existsSync(model)) {
    console.log(`There is no evaluation data at ${data}: set REPRISE_DATA to its folder (rag/xquad.en.json is needed).`)
    return
  }
  const { paragraphs, questions } = readXquad(file)
  const embedder = new Counting(await openEmbedder(`static:${model}`))
  const search = await vectorSearch(paragraphs, embedder)

  console.log(`${questions.length} questions over ${paragraphs.length} paragraphs, top ${topK}\n`)
  console.log(
    '| guards | minSimilarity | round | exact | semantic | searched | embedded | semantic hits with the right paragraph | spared searches with it |'
  )
  console.log('| --- | ---: | --- | ---: | ---: | ---: | ---: | --- | --- |')
  for (const guards of ['off', 'standard', 'strict'] as const) {
    const cache = await createCache({ store: 'memory:', embedder: keepOpen(embedder), guards })
    const ask = cache.retrievals(search.handler)
    for (const [round, worded] of rounds) {
      search.count = 0
      embedder.count = 0
      const layers: Record<string, number> = {}
      let found = 0
      let findable = 0
      for (const { question, paragraph } of questions) {
        const request: RetrievalRequest = { query: worded(question), collection: 'xquad', model: embedder.model, topK }
        const { value, origin } = await ask(request, cache.contextOf())
        layers[origin.layer] = (layers[origin.layer] ?? 0) + 1
        if (origin.layer !== 'semantic') continue
        if (value.map(idOf).includes(paragraph)) found += 1
        if ((await search.truth(worded(question))).map(idOf).includes(paragraph)) findable += 1
      }
      const { exact = 0, semantic = 0 } = layers
      const minSimilarity = cache.embedder?.minSimilarity
      console.log(
        `| ${guards} | ${minSimilarity} | ${round} | ${exact} | ${semantic} | ${search.count} | ${embedder.count} | ${share(found, semantic)} | ${share(findable, semantic)} |`
      )
    }
    const before = await stillCached(questions, ask, cache.contextOf({}))
    const gone = await cache.invalidate({ tag: documentTag('0') })
    const after = await stillCached(questions, ask, cache.contextOf({}))
    console.log(
      `\nParagraph 0 indexed anew: ${gone} answers that leaned on it went, ${before - after} questions of ${before} must be searched again.\n`
    )
    await cache.close()
  }
  await search.close()
}

/** The same question as others would type it. Mechanical, so that it means the same without doubt. */
const rounds: readonly (readonly [string, (question: string) => string])[] = [
  ['first asked', (question) => question],
  ['asked again', (question) => question],
  ['typed in haste', (question) => question.toLowerCase().replace(/\?$/, '')],
  ['asked politely', (question) => `Please tell me: ${question}`]
]

async function stillCached(
  questions: readonly Question[],
  ask: (request: RetrievalRequest, context: Context) => Promise<Answer<Documents>>,
  context: Context
): Promise<number> {
  let count = 0
  for (const { question: query } of questions) {
    const request = { query, collection: 'xquad', model: modelName, topK }
    const found = await ask(request, { ...context, mode: { onlyIfCached: true } }).catch(() => undefined)
    if (found?.origin.layer === 'exact') count += 1
  }
  return count
}

let modelName = ''

/** Counts the texts that it is given. */
class Counting implements Embedder {
  readonly #inner: Embedder
  readonly name: string
  readonly model: string
  readonly minSimilarity: number
  readonly isCheap: boolean
  count = 0

  constructor(inner: Embedder) {
    this.#inner = inner
    this.name = inner.name
    this.model = inner.model
    modelName = inner.model
    this.minSimilarity = inner.minSimilarity
    this.isCheap = inner.isCheap
  }

  embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    this.count += texts.length
    return this.#inner.embed(texts)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** One cache closes its embedder; here several use it one after the other. */
function keepOpen(embedder: Embedder): Embedder {
  const { name, model, minSimilarity, isCheap } = embedder
  return { name, model, minSimilarity, isCheap, embed: (texts) => embedder.embed(texts), close: async () => {} }
}

/** A vector search over paragraphs, and what it would find when nobody counts. */
async function vectorSearch(paragraphs: readonly string[], embedder: Embedder) {
  const index = localVectors()
  const never = Date.now() + 10 ** 9
  for (const [id, paragraph] of paragraphs.entries()) {
    // The model reads a text whole or not at all, and some paragraphs are too long for it.
    const vectors = await embedder.embed(paragraph.match(/.{1,1200}(?=\s|$)/gs) ?? [])
    for (const [part, vector] of vectors.entries()) await index.add('xquad', `${id}.${part}`, vector, never)
  }
  async function truth(query: string): Promise<Documents> {
    const [vector = new Float32Array()] = await embedder.embed([query])
    const matches = await index.nearest('xquad', vector, -1, 2 * topK)
    const found = new Map(
      matches.map(({ key, similarity }) => [key.split('.')[0] ?? '', similarity] as const).reverse()
    )
    const best = [...found].sort(([, a], [, b]) => b - a).slice(0, topK)
    return best.map(([id, similarity]) => ({ id, similarity, text: paragraphs[Number(id)] ?? '' }))
  }
  const search = {
    count: 0,
    async handler({ query }: RetrievalRequest): Promise<Answer<Documents>> {
      search.count += 1
      return { value: await truth(query), origin: { layer: 'provider' } }
    },
    async truth(query: string): Promise<Documents> {
      const { count } = embedder as Counting
      const found = await truth(query)
      ;(embedder as Counting).count = count
      return found
    },
    close: () => index.close()
  }
  return search
}

function idOf(document: Json): string {
  return String((document as { id?: Json }).id)
}

function share(part: number, whole: number): string {
  return whole === 0 ? '-' : `${part} (${((100 * part) / whole).toFixed(1)} %)`
}

interface Question {
  readonly question: string
  /** The number of the paragraph that answers it. */
  readonly paragraph: string
}

function readXquad(file: string): { paragraphs: string[]; questions: Question[] } {
  const { data } = JSON.parse(readFileSync(file, 'utf8')) as {
    data: { paragraphs: { context: string; qas: { question: string }[] }[] }[]
  }
  const all = data.flatMap((article) => article.paragraphs)
  return {
    paragraphs: all.map(({ context }) => context),
    questions: all.flatMap(({ qas }, index) => qas.map(({ question }) => ({ question, paragraph: String(index) })))
  }
}
