import { describe, expect, it } from 'vitest'
import { guardedText } from './guarded-text.ts'
import { strictSubstitution, substitution } from './substitution.ts'

function check(a: string, b: string): string | undefined {
  return substitution.check(guardedText(a), guardedText(b))
}

describe('substitution', () => {
  it.each([
    ['How do I learn guitar?', 'How do I learn piano?', 'guitar and piano'],
    ['a recipe for beef', 'a recipe for lamb', 'beef and lamb'],
    ['Can I feed my cat with rice?', 'Can I feed my rat with rice?', 'cat and rat'],
    // The rest the same, in another place or with the same word elsewhere.
    ['Show the order history', 'Show the back order', 'history and back'],
    ['the order history of orders', 'the order history of invoices', 'orders and invoices'],
    [
      'In Go, write tests for the roles of a shop as an auditor',
      'Write Go tests for the roles of a shop as an owner',
      'auditor and owner'
    ],
    ['怎么学吉他', '怎么学钢琴', '吉 他 and 钢 琴'],
    ['Как приготовить рыбу?', 'Как приготовить мясо?', 'рыбу and мясо']
  ])('%s | %s: %s', (a, b, reason) => {
    expect(check(a, b)).toBe(reason)
    expect(check(b, a)).toBeDefined()
  })

  it.each([
    ['the best recipes for beef', 'good recipe for beef please'],
    ['How do I buy a car?', 'How can I purchase an automobile?'],
    ['What is your favourite colour?', 'What is your favorite color?'],
    ['Do you use whatsapp?', 'Do you use whats app?'],
    ['How is the river changing its course?', 'How is the river changign its course?'],
    ['Why no one is helping?', 'Why no one i shelping?'],
    ['Is that goat asleep on the sofa?', 'Is that goat truly asleep on the sofa?'],
    ['How do wind turbines make power?', 'In which manner is electricity generated out of wind turbines?']
  ])('lets pass %s | %s', (a, b) => {
    expect([check(a, b), check(b, a)]).toEqual([undefined, undefined])
  })

  it('objects to a word more only when strict', () => {
    const [a, b] = [guardedText('How do I hire a carpenter?'), guardedText('How do I hire a professional carpenter?')]
    expect([substitution.check(a, b), strictSubstitution.check(a, b)]).toEqual([undefined, 'professional'])
  })
})
