import type { Budget, Providers, Statistics, WholeEntry } from '../../dashboard/src/api.ts'
import { noise } from './noise.ts'

export function nearMisses(nowMs: number): NonNullable<Statistics['near_misses']> {
  const pairs: readonly (readonly [number, string, string, string, string])[] = [
    [
      0.971,
      'numbers',
      '30 and 90',
      'Can I return an opened item within 90 days?',
      'Can I return an opened item within 30 days?'
    ],
    [
      0.958,
      'negation',
      'not',
      'Which regions are not covered by the express service?',
      'Which regions are covered by the express service?'
    ],
    [
      0.949,
      'names',
      'Lisbon and Porto',
      'When does the Porto office close on Fridays?',
      'When does the Lisbon office close on Fridays?'
    ],
    [
      0.937,
      'substitution',
      'upgrade and cancel',
      'How do I cancel my plan in the middle of a month?',
      'How do I upgrade my plan in the middle of a month?'
    ],
    [
      0.931,
      'verifier',
      'another question',
      'Is the warranty extended by a repair?',
      'Is the warranty void after a repair?'
    ]
  ]
  return pairs.map(([similarity, by, reason, text, entry_text], index) => ({
    at: new Date(nowMs - 47_000 * (index + 1) ** 2).toISOString(),
    kind: 'llm',
    key: key('llm', 'gpt-4o', index + 40),
    similarity,
    by,
    reason,
    text,
    entry_text
  }))
}

function key(kind: string, model: string, seed: number): string {
  const hash = Array.from({ length: 64 }, (_, index) => Math.floor(noise(seed * 64 + index) * 16).toString(16)).join('')
  return `${kind}:${model}:${hash}`
}

const talk: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'gpt-4o',
    'Can I return an opened item within 30 days?',
    'Yes. Opened items can be returned within 30 days of delivery as long as they are complete and undamaged. The refund goes to the original payment method, usually within five working days.',
    ['team:support', 'document:handbook-2026']
  ],
  [
    'claude-sonnet-5',
    'Summarise chapter 4 of the zoning plan for a resident who wants to build a carport.',
    'A carport of up to 18 square metres needs no permit as long as it stands three metres from the boundary and drains onto your own ground. Chapter 4 adds two exceptions.',
    ['masterplan:42', 'team:research']
  ],
  [
    'gpt-4o-mini',
    'Translate the delivery notice into Portuguese.',
    'A sua encomenda foi enviada hoje e deve chegar entre dois e quatro dias úteis.',
    ['app:docs-assistant']
  ],
  [
    'gpt-4o',
    'Which regions are covered by the express service?',
    'The express service covers all mainland postcodes. Islands are served by standard delivery only.',
    ['team:support']
  ],
  [
    'claude-haiku-4-5',
    'Classify this ticket: “My invoice shows the old address.”',
    '{"topic": "billing", "urgency": "low", "language": "en"}',
    ['nightly']
  ],
  [
    'gpt-4o',
    'When does the Lisbon office close on Fridays?',
    'The Lisbon office closes at 16:00 on Fridays.',
    ['team:support']
  ],
  [
    'gpt-4o-mini',
    'Write alternative text for the photograph of the bridge at dusk.',
    'A suspension bridge at dusk, its cables lit, with a ferry passing underneath.',
    []
  ]
]

export function entries(nowMs: number): WholeEntry[] {
  return talk.map(([model, text, answer, tagged], index) => {
    const storedMs = nowMs - 1_800_000 * (index + 1) ** 1.6
    return {
      key: key('llm', model, index + 1),
      kind: 'llm',
      model,
      provider: model.startsWith('claude') ? 'anthropic' : 'openai',
      tags: [...tagged],
      storedAt: new Date(storedMs).toISOString(),
      freshUntil: new Date(storedMs + 43_200_000).toISOString(),
      expiresAt: new Date(storedMs + 604_800_000).toISOString(),
      state: storedMs + 43_200_000 > nowMs ? 'fresh' : 'stale',
      bytes: 900 + 310 * index,
      costUsd: 0.0021 * (index + 1),
      inputTokens: 480 + 210 * index,
      outputTokens: 60 + 45 * index,
      tookMs: 900 + 260 * index,
      text,
      answer,
      body: {
        id: `chatcmpl-${index}`,
        object: 'chat.completion',
        model,
        choices: [{ index: 0, message: { role: 'assistant', content: answer }, finish_reason: 'stop' }]
      }
    }
  })
}

export function providers(nowMs: number): Providers {
  return {
    targets: [
      { target: 'openai/gpt-4o', state: 'up', leftOutUntil: null },
      { target: 'openai/gpt-4o-mini', state: 'up', leftOutUntil: null },
      { target: 'anthropic/claude-sonnet-5', state: 'up', leftOutUntil: null },
      { target: 'azure-eu/gpt-4o', state: 'left-out', leftOutUntil: new Date(nowMs + 42_000).toISOString() },
      { target: 'local/qwen3-32b', state: 'up', leftOutUntil: null }
    ],
    parts: [
      { part: 'store', state: 'up' },
      { part: 'embedder', state: 'up' },
      { part: 'vectors', state: 'up' }
    ]
  }
}

export function budgets(nowMs: number): Budget[] {
  const budget = (
    name: string,
    of: string | null,
    period: string,
    limit: number,
    spent: number,
    reserved: number,
    hours: number
  ): Budget => ({
    name,
    of,
    period,
    limitUsd: limit,
    spentUsd: spent,
    reservedUsd: reserved,
    remainingUsd: limit - spent - reserved,
    resetsAt: new Date(nowMs + hours * 3_600_000).toISOString(),
    unpriced: 0
  })
  return [
    budget('everything', null, 'month', 1_500, 641.22, 1.9, 260),
    budget('each team', 'support', 'day', 40, 33.8, 0.42, 9.4),
    budget('experiments', null, 'day', 10, 9.72, 0.12, 9.4)
  ]
}
