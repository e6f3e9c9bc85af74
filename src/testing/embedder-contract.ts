import assert from 'node:assert/strict'
import type { Embedder } from '../embedders/embedder.ts'
import type { ContractCase } from './store-contract.ts'

type Cases = Readonly<Record<string, (embedder: Embedder) => Promise<void>>>

const questions = [
  'how do i reset my password',
  'what is the capital of france',
  'where can i see my last invoice',
  'is there a discount for students',
  'how long does the delivery take'
]

/** As alike as two vectors of one text must be: a model that counts in 8 bits may round otherwise in company. */
const same = 0.999

/**
 * What every {@link Embedder} must do, as cases for any test runner: `for (const { name, run } of embedderContract(open))
 * it(name, run)`. Each case opens an embedder and closes it. The texts are short English questions in small letters, beside
 * what nobody would ask.
 */
export function embedderContract(open: () => Promise<Embedder> | Embedder): readonly ContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const embedder = await open()
      try {
        await check(embedder)
      } finally {
        await embedder.close()
      }
    }
  }))
}

const cases: Cases = {
  async 'says what it is, and from which similarity on two texts mean the same'({ name, model, minSimilarity }) {
    assert.match(name, /\S/)
    assert.match(model, /\S/)
    assert.ok(minSimilarity > 0 && minSimilarity <= 1, `minSimilarity is ${minSimilarity}`)
  },

  async 'gives each text a vector of length one, and all of them the same number of dimensions'(embedder) {
    const vectors = await embedder.embed(questions)
    assert.equal(vectors.length, questions.length)
    for (const vector of vectors) {
      assertUnit(vector)
      assert.equal(vector.length, vectors[0]?.length)
    }
  },

  async 'gives the same text the same vector, and other texts others'(embedder) {
    const [first, again] = [await embedder.embed(questions), await embedder.embed(questions)]
    assertAllSame(first, again)
    for (const [index, vector] of first.entries())
      for (const other of first.slice(index + 1)) assert.ok(cosine(vector, other) < 0.99, 'two questions look the same')
  },

  async 'keeps the order of the texts'(embedder) {
    const alone: Float32Array[] = []
    for (const text of questions) alone.push(...(await embedder.embed([text])))
    assertAllSame(await embedder.embed(questions), alone)
    assertAllSame(await embedder.embed([...questions].reverse()), alone.reverse())
  },

  async 'gives a text the same vector alone and among many'(embedder) {
    const many = Array.from({ length: 40 }, (_, index) => `${questions[index % questions.length]} ${index}`)
    const together = await embedder.embed(many)
    for (const index of [0, 7, 39]) {
      const alone = await embedder.embed([many[index] ?? ''])
      assertAllSame([together[index]], alone)
    }
  },

  async 'gives nothing for nothing'(embedder) {
    assert.deepEqual([...(await embedder.embed([]))], [])
  },

  async 'gives a text that comes more than once its vector each time'(embedder) {
    const [text = '', other = ''] = questions
    const vectors = await embedder.embed([text, other, text, text])
    assert.equal(vectors.length, 4)
    assertAllSame([vectors[0], vectors[0]], vectors.slice(2))
    assert.ok(cosine(vectors[0], vectors[1]) < 0.99)
  },

  async 'gives a text without words an empty vector or one of length one, and the others theirs'(embedder) {
    await assertHarmless(embedder, ['', ' ', '\n\t', '?!', '\0', '\u200b'])
  },

  async 'takes a text of a million characters, and the others with it'(embedder) {
    await assertHarmless(embedder, ['how are you '.repeat(90_000), 'x'.repeat(1_000_000)])
  },

  async 'takes any characters there are'(embedder) {
    const lone = String.fromCharCode(0xd83d)
    await assertHarmless(embedder, [
      '日本語の質問',
      'Ünïcödé',
      'e\u0301e\u0301',
      '👩‍👩‍👧‍👦',
      'שלום',
      lone,
      '[CLS] [SEP] </s> <|endoftext|>'
    ])
  },

  async 'answers callers that come together, each its own'(embedder) {
    const alone = await embedder.embed(questions)
    const together = await Promise.all(questions.map((text) => embedder.embed([text])))
    assertAllSame(together.flat(), alone)
  },

  async 'gives vectors away for good: what a caller does with them is not seen again'(embedder) {
    const [vector] = await embedder.embed(questions.slice(0, 1))
    const copy = vector?.slice()
    vector?.fill(0)
    assertAllSame(await embedder.embed(questions.slice(0, 1)), [copy])
  },

  async 'does not begin for a caller that has gone'(embedder) {
    const signal = AbortSignal.abort()
    await assert.rejects(embedder.embed(questions, { signal }))
    await assert.rejects(embedder.embed([], { signal }))
  },

  async 'lets a caller go, and goes on for the others'(embedder) {
    const leaving = new AbortController()
    const gone = embedder.embed(questions, { signal: leaving.signal })
    const staying = embedder.embed(questions)
    leaving.abort()
    // Who leaves when all is done may still get it.
    await gone.then(
      (vectors) => assert.equal(vectors.length, questions.length),
      (error: unknown) => assert.ok(error instanceof Error)
    )
    for (const vector of await staying) assertUnit(vector)
    for (const vector of await embedder.embed(questions)) assertUnit(vector)
  },

  async 'can be closed twice'(embedder) {
    await embedder.embed(questions.slice(0, 1))
    await embedder.close()
    await embedder.close()
  }
}

/** Texts that nothing need be known of do not fail, and change nothing for their neighbours. */
async function assertHarmless(embedder: Embedder, texts: readonly string[]): Promise<void> {
  const [question = ''] = questions
  const [expected] = await embedder.embed([question])
  const vectors = await embedder.embed([question, ...texts, question])
  assert.equal(vectors.length, texts.length + 2)
  assertAllSame([vectors.at(0), vectors.at(-1)], [expected, expected])
  for (const vector of vectors) {
    if (vector.length === 0) continue
    assertUnit(vector)
    assert.equal(vector.length, expected?.length)
  }
}

function assertUnit(vector: Float32Array): void {
  assert.ok(vector instanceof Float32Array)
  const length = Math.sqrt(cosine(vector, vector))
  assert.ok(Math.abs(length - 1) < 1e-4, `the vector's length is ${length}`)
}

function assertAllSame(actual: Vectors, expected: Vectors): void {
  assert.equal(actual.length, expected.length)
  for (const [index, vector] of actual.entries()) {
    // What cannot be compared cannot be compared the other time either.
    if (vector?.length === 0 && expected[index]?.length === 0) continue
    const similarity = cosine(vector, expected[index])
    assert.ok(similarity > same, `the vectors of text ${index} have a cosine of ${similarity}`)
  }
}

type Vectors = readonly (Float32Array | undefined)[]

/** The cosine of two unit vectors; not a number when they cannot be compared. */
function cosine(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length || a.length === 0) return Number.NaN
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}
