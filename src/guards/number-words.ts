const units =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
const ordinals =
  'zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth'
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'
const foreign = [
  'null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf',
  'zero un deux trois quatre cinq six sept huit neuf dix onze douze',
  'cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce'
]

/** Words that agree with a number where the other text has it, and are none where it has not: `which one`, `a second`. */
export const shyNumbers: ReadonlyMap<string, number> = new Map([
  ['one', 1],
  ['first', 1],
  ['once', 1],
  ['single', 1],
  ['a', 1],
  ['an', 1],
  ['second', 2],
  ['half', 0.5]
])

/** These are other words in English, or in the language itself. */
const ambiguous = new Set([...shyNumbers.keys(), 'null', 'eins', 'acht', 'elf', 'un', 'sept', 'dix', 'uno', 'once'])

/** What a number word is worth. */
export const numberWords: ReadonlyMap<string, number> = new Map(
  [
    ...ranked(units, 1, 0),
    ...ranked(ordinals, 1, 0),
    ...ranked(tens, 10, 20),
    ...foreign.flatMap((list) => ranked(list, 1, 0)),
    ['dozen', 12] as const,
    ['twice', 2] as const,
    ['thrice', 3] as const
  ].filter(([word]) => !ambiguous.has(word))
)

/** Words that multiply the number before them. */
export const magnitudes: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['mn', 1e6],
  ['bn', 1e9],
  ['hundred', 1e2],
  ['thousand', 1e3],
  ['lakh', 1e5],
  ['lakhs', 1e5],
  ['million', 1e6],
  ['crore', 1e7],
  ['crores', 1e7],
  ['billion', 1e9],
  ['trillion', 1e12],
  ['tausend', 1e3],
  ['mille', 1e3]
])

function ranked(list: string, step: number, from: number): (readonly [string, number])[] {
  return list.split(' ').map((word, rank) => [word, from + rank * step] as const)
}
