import { axesOf, isBeside, isOpposite } from './axes.ts'
import type { Guard } from './guard.ts'
import type { GuardedText, Word } from './guarded-text.ts'

/**
 * Objects when, between the same words of content, a little word that says which way, how much, when, where or who else
 * is another or is there in one text only: half up and half even, turn on and off, before and until, users and only
 * users. Limits that exclude each other count in any wording: at least once, exactly once.
 */
export const littleWords: Guard = {
  name: 'little-words',
  check(a, b) {
    const [x, y] = [partsOf(a), partsOf(b)]
    return differingLimit(x.limits, y.limits) ?? (x.anchors === y.anchors ? differingGap(x.gaps, y.gaps) : undefined)
  }
}

/**
 * Each line an axis, its sides parted by bars. Words that stand on one side of any axis are put for each other, even
 * where another axis parts them.
 */
const axes = axesOf(`
  up | down | even | out | off | in on
  in into onto inside within | out outside
  into onto | from off
  from | to toward towards | until till | before | after
  since from because
  before by | after | until till | since | within
  before | after | until till | since | in on at of for during while throughout within | without
  over above morethan | under below beneath lessthan upto atmost | in on at of for inside exactly
  over morethan | around about nearly almost
  between among amongst | within | outside | before | after
  between of
  inside within | outside
  with for by | without | against
  behind | before ahead
  to into | across along around
  atleast | atmost upto | exactly | morethan | lessthan
  more | less fewer | most | least
  many much lot lots | few little
  all each every both | some any several few | most | many | only just | none
  per a an each every
  both | either | neither
  only just exclusively | also too | even
  same | other others another different
  first | last latest previous | next
  this | next | last previous
  and | or nor
  if when | unless
  while when | until till | unless
  must | can could may might
  too | very so | enough
  am | pm
  vor | nach | bis | seit | ab
  avant | apres | depuis | pendant
  antes | despues | desde | hasta
`)

/** What makes a difference when only one text has it. Other little words, `in` or `up` say, come and go with grammar. */
const telling = new Set(
  `only exclusively down off over under below beneath above against inside outside between within without before after
  until till since during unless both either neither other others another same each every per few less fewer least first
  last latest next previous too enough atleast atmost upto morethan lessthan`.split(/\s+/)
)

/** Limits of a number. */
const limits = axesOf('atleast | atmost upto | exactly')

/** Two words that say one thing. */
const phrases: ReadonlyMap<string, string> = new Map([
  ['at least', 'atleast'],
  ['at most', 'atmost'],
  ['up to', 'upto'],
  ['more than', 'morethan'],
  ['greater than', 'morethan'],
  ['less than', 'lessthan'],
  ['fewer than', 'lessthan'],
  ['or more', 'atleast'],
  ['or less', 'atmost'],
  ['or fewer', 'atmost']
])
const frequencies = new Set(['once', 'twice', 'one'])

interface Parts {
  /** The words of content and the numbers, in their order. */
  readonly anchors: string
  /** The little words before each anchor, and after the last. */
  readonly gaps: readonly (readonly string[])[]
  readonly limits: readonly string[]
}

const known = new WeakMap<GuardedText, Parts>()

function partsOf(text: GuardedText): Parts {
  let parts = known.get(text)
  if (parts === undefined) {
    parts = takeApart(text.words)
    known.set(text, parts)
  }
  return parts
}

function takeApart(words: readonly Word[]): Parts {
  const found: string[] = []
  const gaps: string[][] = [[]]
  let anchors = ''
  for (let at = 0; at < words.length; at++) {
    const word = words[at]
    if (word === undefined) continue
    const phrase = phraseAt(words, at)
    const little = phrase ?? word.word
    if (phrase !== undefined) at++
    if (limits.has(little) && (phrase !== undefined || isCounted(words[at + 1]))) found.push(little)
    if (word.role !== 'number' && (axes.has(little) || telling.has(little))) gaps.at(-1)?.push(little)
    else if (word.role === 'content' || word.role === 'number') {
      anchors += ` ${word.key}`
      gaps.push([])
    }
  }
  return { anchors, gaps, limits: found }
}

function phraseAt(words: readonly Word[], at: number): string | undefined {
  const [first, second] = [words[at]?.word ?? '', words[at + 1]?.word ?? '']
  if (!starts.has(first)) return undefined
  const phrase = phrases.get(`${first} ${second}`)
  // `up to date`, `sign up to`; `more or less`, `two or more`.
  if (phrase === 'upto' && !isCounted(words[at + 2])) return undefined
  return first === 'or' && words[at - 1]?.role === 'function' ? undefined : phrase
}

const starts = new Set([...phrases.keys()].map((phrase) => phrase.split(' ')[0] ?? ''))

function isCounted(word: Word | undefined): boolean {
  return word !== undefined && (word.role === 'number' || frequencies.has(word.word))
}

function differingLimit(x: readonly string[], y: readonly string[]): string | undefined {
  for (const one of x) {
    for (const other of y) {
      if (!x.includes(other) && !y.includes(one) && isOpposite(limits, one, other)) return `${one} and ${other}`
    }
  }
  return undefined
}

function differingGap(x: Parts['gaps'], y: Parts['gaps']): string | undefined {
  const [addedX, addedY]: [string[], string[]] = [[], []]
  for (const [at, gap] of x.entries()) {
    const other = y[at] ?? []
    const onlyX = without(gap, other)
    const onlyY = without(other, gap)
    for (const one of onlyX) for (const another of onlyY) if (isOther(one, another)) return `${one} and ${another}`
    addedX.push(...onlyX.filter((one) => !onlyY.some((another) => isBeside(axes, one, another))))
    addedY.push(...onlyY.filter((one) => !onlyX.some((another) => isBeside(axes, one, another))))
  }
  // What one text has less here and more there has only changed its place.
  const added = [...without(addedX, addedY), ...without(addedY, addedX)].filter((word) => telling.has(word))
  return added.length > 0 ? added.join(' ') : undefined
}

function isOther(one: string, another: string): boolean {
  return isOpposite(axes, one, another) && !isBeside(axes, one, another)
}

/** What is left of the words when each of the others has taken one of its kind away. */
function without(words: readonly string[], others: readonly string[]): readonly string[] {
  if (words.length === 0 || others.length === 0) return words
  const left = [...words]
  for (const other of others) {
    const at = left.indexOf(other)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}
