import { describe, expect, it } from 'vitest'
import { batchGroups } from './batch-groups.ts'
import type { BatchItem } from './batch-report.ts'

function item(digest: string, own: Partial<BatchItem> = {}): BatchItem {
  return { dialect: 'openai', path: '/v1/responses', model: 'm', body: Buffer.alloc(100), digest, ...own }
}

function groupsOf(items: readonly BatchItem[], maxRequests: number, maxBytes: number): string[] {
  const limits = { maxRequests, maxBytes }
  const { groups, tooLarge } = batchGroups(items, { openai: limits, anthropic: limits })
  return [...groups.map((group) => group.map(({ digest }) => digest).join('')), String(tooLarge)]
}

describe('batchGroups', () => {
  it('keeps endpoints, models and providers apart', () => {
    const items = [
      item('a'),
      item('b', { model: 'n' }),
      item('c', { path: '/v1/x' }),
      item('d'),
      item('e', { dialect: 'anthropic' })
    ]
    expect(groupsOf(items, 10, 10_000)).toEqual(['ad', 'b', 'c', 'e', '0'])
  })

  it('begins another when one is full', () => {
    const items = ['a', 'b', 'c', 'd', 'e'].map((digest) => item(digest))
    expect(groupsOf(items, 2, 10_000)).toEqual(['ab', 'cd', 'e', '0'])
    expect(groupsOf(items, 10, 900)).toEqual(['abc', 'de', '0'])
  })

  it('leaves out what fits in none', () => {
    expect(groupsOf([item('a', { body: Buffer.alloc(1000) }), item('b')], 10, 900)).toEqual(['b', '1'])
  })
})
