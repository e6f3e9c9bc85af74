import { describe, expect, it } from 'vitest'
import { readPlan } from '../plans/read-plan.ts'
import { wavesOf } from '../plans/waves.ts'
import { planPicture } from './run-picture.ts'

const plan = readPlan(`
id: book
sharing: isolated
defaults: { model: gpt-4o-mini }
atoms:
  outline: { prompt: a }
  first-chapter: { model: gpt-4o, needs: [outline], prompt: b }
  second: { needs: [outline, first-chapter], prompt: c }
`)

describe('planPicture', () => {
  it('shows each wave with its atoms, their models and needs', () => {
    expect(planPicture(plan, wavesOf(plan))).toEqual([
      'book: 3 atoms in 3 waves, its answers for itself alone',
      '',
      'wave 1: 1 atom',
      '  outline        gpt-4o-mini',
      '',
      'wave 2: 1 atom',
      '  first-chapter  gpt-4o       <- outline',
      '',
      'wave 3: 1 atom',
      '  second         gpt-4o-mini  <- outline, first-chapter'
    ])
  })

  it('is no wider than the terminal', () => {
    expect(planPicture(plan, wavesOf(plan), 30)).toContain('  first-chapter  gpt-4o      …')
  })
})
