import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf, modelPrefix } from '../core/key.ts'
import type { Selection } from '../core/selection.ts'
import { valueKind } from '../core/value-kind.ts'
import { Namespace, recordKey, vectorKind } from './namespace.ts'
import { selects } from './selects.ts'

const named = fc.stringMatching(/^[\w.-]{1,64}$/)
const key = 'llm:gpt-4o:0123'

/** Whether what is stored under a key, with those tags, is among what the namespace means by a selection. */
function isSelected(space: Namespace, selection: Selection, stored: string, tags: readonly string[] = []): boolean {
  return space.selectorsOf(selection).some((one) => selects(one, stored, tags))
}

describe('a namespace', () => {
  it.each(['', 'a:b', 'a b', 'ä', 'a/b', 'x'.repeat(65), 'a\0'])('has no such name as %j', (name) => {
    const reason = `namespace: expected 1 to 64 letters, digits, '.', '_' or '-', got ${JSON.stringify(name)}`
    expect(() => new Namespace(name)).toThrow(expect.objectContaining({ code: 'invalid-option', message: reason }))
  })

  it('never has what is in another, whatever the two are called', () => {
    const selections: readonly Selection[] = [
      { all: true },
      { prefix: 'llm' },
      { pattern: '*' },
      { kind: 'llm' },
      { model: 'gpt-4o' },
      { key },
      { tag: 'a' }
    ]
    fc.assert(
      fc.property(named, named, (one, other) => {
        fc.pre(one !== other)
        const mine = new Namespace(one)
        const theirs = new Namespace(other)
        for (const selection of selections) {
          expect(isSelected(mine, selection, mine.stored(key), [mine.stored('a')]), JSON.stringify(selection)).toBe(
            true
          )
          expect(isSelected(mine, selection, theirs.stored(key), [theirs.stored('a')])).toBe(false)
        }
      })
    )
  })

  it('knows a key again that it has stored', () => {
    fc.assert(
      fc.property(named, fc.string(), (name, text) => {
        const space = new Namespace(name)
        expect(space.keyOf(space.stored(text))).toBe(text)
      })
    )
  })

  it('finds the entries of a model in each kind that it was told of, and not those of one that begins alike', () => {
    const space = new Namespace()
    const own = space.stored(`${modelPrefix('translation', 'gpt-4o')}1`)
    expect(isSelected(space, { model: 'gpt-4o' }, own)).toBe(false)
    space.know('translation')
    expect(isSelected(space, { model: 'gpt-4o' }, own)).toBe(true)
    for (const kind of ['llm', 'embedding', 'retrieval', 'value']) {
      expect(isSelected(space, { model: 'gpt-4o' }, space.stored(`${modelPrefix(kind, 'gpt-4o')}1`))).toBe(true)
      expect(isSelected(space, { model: 'gpt-4o' }, space.stored(`${modelPrefix(kind, 'gpt-4o-mini')}1`))).toBe(false)
    }
  })

  it('finds a model by the name that it was asked for, however odd', () => {
    const space = new Namespace()
    for (const model of ['a:b', 'ein Modell', '*', 'ü'.repeat(100)]) {
      const made = keyOf(valueKind, { key: model, compute: () => null }, [])
      expect(isSelected(space, { model }, space.stored(made)), model).toBe(true)
    }
  })

  it('takes what was asked along with its answer, by each selection that can mean the answer', () => {
    const space = new Namespace()
    const kept = space.stored(recordKey(key))
    const tags = [space.stored('a')]
    for (const selection of [
      { key },
      { kind: 'llm' },
      { model: 'gpt-4o' },
      { prefix: 'llm:gpt' },
      { all: true },
      { tag: 'a' }
    ] as const) {
      expect(isSelected(space, selection, kept, tags), JSON.stringify(selection)).toBe(true)
    }
    expect(space.isEntry(key)).toBe(true)
    expect(space.isEntry(recordKey(key))).toBe(false)
    expect(space.isEntry(`${vectorKind}:words-1:0123`)).toBe(false)
  })
})

describe('what is spared by deletions', () => {
  const space = new Namespace('mine')
  const theirs = new Namespace('theirs')
  const spared = (
    selections: readonly [Namespace, Selection][] | undefined,
    tags: readonly string[] = [],
    anyTag = false
  ): boolean => {
    const selectors = selections?.flatMap(([of, selection]) => of.selectorsOf(selection))
    return space.isSpared({ mark: 1, selectors }, key, tags, anyTag)
  }

  it('is everything when nothing was deleted, and nothing when nobody knows', () => {
    expect(spared([])).toBe(true)
    expect(spared(undefined)).toBe(false)
  })

  it.each<[Selection, readonly string[]]>([
    [{ key }, []],
    [{ tag: 'a' }, ['b', 'a']],
    [{ prefix: 'llm:' }, []],
    [{ pattern: '*0123' }, []],
    [{ kind: 'llm' }, []],
    [{ model: 'gpt-4o' }, []],
    [{ all: true }, []]
  ])('is not what was meant by %j', (selection, tags) => {
    expect(
      spared(
        [
          [space, { tag: 'unlike' }],
          [space, selection]
        ],
        tags
      )
    ).toBe(false)
    expect(spared([[theirs, selection]], tags)).toBe(true)
  })

  it('is not what may bear a tag that nobody knows yet, where any has gone', () => {
    expect(spared([[space, { tag: 'a' }]], [])).toBe(true)
    expect(spared([[space, { tag: 'a' }]], [], true)).toBe(false)
    expect(spared([[space, { key: 'llm:other:1' }]], [], true)).toBe(true)
  })
})
