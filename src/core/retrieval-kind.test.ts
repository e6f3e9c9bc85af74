import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyJson, anyText } from '../../test/support/arbitrary-json.ts'
import type { Json } from './json.ts'
import { canonical, keyOf } from './key.ts'
import { documentTag, type RetrievalRequest, retrievalKind, retrievalKindBy } from './retrieval-kind.ts'

const request: RetrievalRequest = { query: 'What is a cache?', collection: 'docs', topK: 4 }

/** Terms that often come out equal, and often do not. */
const anyRequest: fc.Arbitrary<RetrievalRequest> = fc.record(
  {
    query: fc.oneof(fc.constantFrom('a', 'b'), anyText),
    collection: fc.constantFrom('docs', 'code'),
    model: fc.constantFrom('m-1', 'm-2'),
    topK: fc.constantFrom(1, 2),
    filter: fc.oneof(fc.constantFrom<Json>({ team: 'a' }, { team: 'b' }), anyJson),
    indexVersion: fc.constantFrom('1', '2'),
    options: fc.oneof(fc.constantFrom<Json>(null, 'x'), anyJson)
  },
  { requiredKeys: ['query'] }
)

function identityOf(asked: RetrievalRequest): string {
  return canonical(retrievalKind.identity(asked))
}

function likenessOf(asked: RetrievalRequest): string | undefined {
  const likeness = retrievalKind.likeness?.(asked)
  return likeness && canonical([likeness.text, likeness.within])
}

describe('the key of a search', () => {
  it.each<[Partial<RetrievalRequest>]>([
    [{ query: 'What is a cache' }],
    [{ collection: 'docs2' }],
    [{ model: 'embed-3' }],
    [{ topK: 5 }],
    [{ filter: { team: 'a' } }],
    [{ indexVersion: '2' }],
    [{ options: { minSimilarity: 0.5 } }]
  ])('is another with %j', (other) => {
    expect(keyOf(retrievalKind, { ...request, ...other }, [])).not.toBe(keyOf(retrievalKind, { ...request }, []))
  })

  it('is the same whether a term is absent, undefined or null', () => {
    const { topK: _topK, ...without } = request
    const undefinedTerm: unknown = { ...without, topK: undefined, filter: null }
    expect(identityOf(undefinedTerm as RetrievalRequest)).toBe(identityOf(without))
  })

  it('is apart for each scope, and begins with its collection', () => {
    const keys = [keyOf(retrievalKind, { ...request }, ['a']), keyOf(retrievalKind, { ...request }, ['b'])]
    expect(keys[0]).not.toBe(keys[1])
    expect(keys.every((key) => key.startsWith('retrieval:docs:'))).toBe(true)
  })

  it('is made of nothing else that an object may carry along', () => {
    expect(identityOf(Object.assign({ search: 1 }, request))).toBe(identityOf(request))
  })
})

describe('law 4: searches are alike when they are the same but for the wording of the query', () => {
  it('compares the query as it was asked, with all else the same', () => {
    expect(retrievalKind.likeness?.({ ...request, query: ' Caches? ' })).toEqual({
      text: ' Caches? ',
      within: { collection: 'docs', model: null, topK: 4, filter: null, indexVersion: null, options: null }
    })
  })

  it('tells two searches apart whenever their keys do', () => {
    let [same, different] = [0, 0]
    fc.assert(
      fc.property(anyRequest, anyRequest, fc.subarray(['query', 'topK', 'filter', 'options']), (one, two, fields) => {
        const other = { ...one, ...Object.fromEntries(Object.entries(two).filter(([field]) => fields.includes(field))) }
        const [a, b] = [likenessOf(one), likenessOf(other)]
        expect(a === undefined).toBe(one.query.trim() === '')
        if (a === undefined || b === undefined) return
        expect(a === b).toBe(identityOf(one) === identityOf(other))
        if (a === b) same++
        else different++
      }),
      { numRuns: 2000 }
    )
    expect(Math.min(same, different)).toBeGreaterThan(50)
  })

  it('keeps all else the same when the wording differs', () => {
    fc.assert(
      fc.property(anyRequest, (asked) => {
        expect(retrievalKind.likeness?.({ ...asked, query: 'x' })?.within).toEqual(
          retrievalKind.likeness?.({ ...asked, query: 'y' })?.within
        )
      })
    )
  })
})

describe('bypass', () => {
  it.each([[() => true], [new Map([['team', 'a']])], [/a/], [{ since: new Date(0) }], [{ n: Number.NaN }]])(
    'leads a search past the cache whose filter cannot be told from another: %s',
    (filter) => {
      const unknown: unknown = filter
      expect(retrievalKind.bypass({ ...request, filter: unknown as Json })).toBe('not-json')
      expect(retrievalKind.bypass({ ...request, options: [unknown as Json] })).toBe('not-json')
    }
  )

  it('lets every other be cached', () => {
    fc.assert(fc.property(anyRequest, (asked) => retrievalKind.bypass(asked) === undefined))
  })
})

describe('what a search has found', () => {
  it('is tagged by each document once, by its own identifier and that in its metadata', () => {
    const documents: Json[] = [
      { id: '42', text: 'a' },
      { id: 42 },
      { id: 'chunk-1', metadata: { id: 'page-7' } },
      { metadata: { id: 7 } },
      { id: '' },
      { id: null, metadata: null },
      { id: { of: 1 } },
      'just a text',
      null
    ]
    expect(retrievalKind.tags?.(documents)).toEqual([
      'document:42',
      'document:chunk-1',
      'document:page-7',
      'document:7'
    ])
    expect(retrievalKindBy(() => [undefined, 'a', 'a', '']).tags?.(['x', 'y'])).toEqual(['document:a'])
  })

  it('has tags that every store takes, whatever the identifiers', () => {
    const anyId = fc.oneof(anyText, fc.string({ minLength: 800, maxLength: 1200, unit: 'grapheme' }))
    fc.assert(
      fc.property(anyId, anyId, (a, b) => {
        expect(Buffer.byteLength(documentTag(a))).toBeLessThanOrEqual(900)
        expect(documentTag(a)).toMatch(/^document:/)
        expect(documentTag(a)).not.toContain('\0')
        expect(documentTag(a) === documentTag(b)).toBe(a === b)
      })
    )
    expect(documentTag(`a${'é'.repeat(1000)}`)).toMatch(/^document:sha256-[0-9a-f]{64}$/)
  })

  it('is worth storing when it is nothing at all, but not when it is more than could be tagged', () => {
    expect(retrievalKind.storable([])).toBe(true)
    expect(retrievalKind.storable(Array.from({ length: 1000 }, () => 'x'))).toBe(true)
    expect(retrievalKind.storable(Array.from({ length: 1001 }, () => 'x'))).toBe(false)
  })

  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(anyJson, { maxLength: 3 }), (documents) => {
        const read = retrievalKind.decode(retrievalKind.encode(documents))
        expect(canonical(read)).toBe(canonical(documents))
      })
    )
  })

  it('is refused, with the place, when it would come back as something else', () => {
    const documents: unknown = [{ id: 'a' }, { id: 'b', vector: new Float32Array(2) }]
    expect(() => retrievalKind.encode(documents as Json[])).toThrow(
      'documents[1].vector is a Float32Array: expected JSON'
    )
  })
})
