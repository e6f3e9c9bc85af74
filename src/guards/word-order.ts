import { difference } from './difference.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'
import { lightWords } from './words.ts'

/** Objects when two things have changed places: `from London to Paris`, `does A love B`. */
export const swap: Guard = {
  name: 'word-order',
  check(a, b) {
    const { onlyA, onlyB, sameOrder } = difference(a, b)
    if (sameOrder || onlyA.length + onlyB.length > 0) return undefined
    const held = exchange(a.words.filter(holds), b.words.filter(holds))
    if (held !== undefined) return held.between.length === 0 || isEven(held, a) ? undefined : reason(held)
    // In other words only names are sure to be things: `recover messages in Facebook`, `recover Facebook messages`.
    const said = exchange(a.words.filter(says), b.words.filter(says))
    if (said === undefined || ![...said.first, ...said.second].every(isName)) return undefined
    return isDirected(said, a) && isDirected(said, b) && !isEven(said, a) ? reason(said) : undefined
  }
}

/** Objects when what both texts speak of comes in another order, unless two equals have only changed places. */
export const wordOrder: Guard = {
  name: 'word-order',
  check(a, b) {
    if (difference(a, b).sameOrder) return undefined
    const said = exchange(a.words.filter(says), b.words.filter(says))
    if (said === undefined) return 'the same in another order'
    return isEven(said, a) ? undefined : reason(said)
  }
}

function says({ role }: Word): boolean {
  return role === 'content' || role === 'number'
}

/** All but the words that come and go with grammar. */
function holds({ kind, key }: Word): boolean {
  return kind !== 'sign' && !lightWords.has(key)
}

function isName({ named }: Word): boolean {
  return named
}

interface Exchange {
  readonly first: readonly Word[]
  readonly between: readonly Word[]
  readonly second: readonly Word[]
}

/** The longest thing that is looked for, in words. */
const longest = 4

/** How `x` becomes `y` when two things in it change places. */
function exchange(x: readonly Word[], y: readonly Word[]): Exchange | undefined {
  if (x.length !== y.length) return undefined
  let start = 0
  while (start < x.length && x[start]?.key === y[start]?.key) start++
  let end = x.length
  while (end > start && x[end - 1]?.key === y[end - 1]?.key) end--
  for (let first = 1; first <= longest; first++) {
    for (let second = 1; second <= longest && first + second <= end - start; second++) {
      const parts = [
        x.slice(start, start + first),
        x.slice(start + first, end - second),
        x.slice(end - second, end)
      ] as const
      const turned = [...parts[2], ...parts[1], ...parts[0]]
      if (turned.every(({ key }, at) => key === y[start + at]?.key)) {
        return { first: parts[0], between: parts[1], second: parts[2] }
      }
    }
  }
  return undefined
}

const directing = new Set('from to than over before after by against'.split(' '))

/** Between equals: it is the same whichever comes first. */
const joining = new Set([
  'and',
  'or',
  'vs',
  'versus',
  '&',
  'with',
  'nor',
  'und',
  'oder',
  'et',
  'ou',
  'y',
  'o',
  '和',
  '与',
  '或'
])

/** Words of a relation that goes both ways. */
const mutual = new Set(
  `friend friends close dating married engaged related relation relations relationship similar different difference
  differences equal near next same connected acquainted acquaintance acquaintances divorced together common intersect
  brothers sisters siblings cousins twins classmates neighbors neighbours roommates colleagues partners compare compared
  comparison comparing between among distance`.split(/\s+/)
)

/** Whether the two stand side by side (`A or B`), or in a relation that goes both ways. */
function isEven(exchanged: Exchange, text: GuardedText): boolean {
  if (text.words.some(({ word }) => mutual.has(word))) return true
  const between = wordsBetween(exchanged, text)
  // Names in a row are a list, however many: `A, B and C`.
  return between.some(({ word }) => joining.has(word)) && between.every(isJoining)
}

/** Whether something stands between the two that tells which is which. */
function isDirected(exchanged: Exchange, text: GuardedText): boolean {
  return exchanged.between.length > 0 || wordsBetween(exchanged, text).some(({ word }) => directing.has(word))
}

function wordsBetween({ first, second }: Exchange, { words }: GuardedText): readonly Word[] {
  const keys = words.map(({ key }) => key)
  const [one, other] = [keys.indexOf(first[0]?.key ?? ''), keys.indexOf(second[0]?.key ?? '')]
  return one < other ? words.slice(one + first.length, other) : words.slice(other + second.length, one)
}

function isJoining({ word, named, role }: Word): boolean {
  return joining.has(word) || named || role === 'sign' || (role === 'function' && !directing.has(word))
}

function reason({ first, second }: Exchange): string {
  return `${list(first)} and ${list(second)} change places`
}

function list(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(' ')
}
