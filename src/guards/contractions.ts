/** What an apostrophe has swallowed; `n't` is looked for first. */
const endings: ReadonlyMap<string, string> = new Map([
  ['re', 'are'],
  ['ve', 'have'],
  ['ll', 'will'],
  ['d', 'would'],
  ['m', 'am']
])

/** After these, `'s` is a verb; after all others the sign of a possessor. */
const before = new Set(
  'what who how where when why it that this there here he she let everything everyone something someone'.split(' ')
)

const negated: ReadonlyMap<string, string> = new Map([
  ["can't", 'can'],
  ["won't", 'will'],
  ["shan't", 'shall'],
  ["ain't", 'is']
])

/** As many write them, without an apostrophe. */
const sloppy: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ...Object.fromEntries(
      'do does did is are was were have has had would could should must need'
        .split(' ')
        .map((verb) => [`${verb}nt`, [verb, 'not']])
    ),
    cant: ['can', 'not'],
    wont: ['will', 'not'],
    aint: ['is', 'not'],
    cannot: ['can', 'not'],
    im: ['i', 'am'],
    ive: ['i', 'have'],
    youre: ['you', 'are'],
    theyre: ['they', 'are'],
    whats: ['what', 'is'],
    whos: ['who', 'is'],
    hows: ['how', 'is'],
    thats: ['that', 'is'],
    gonna: ['going', 'to'],
    wanna: ['want', 'to']
  })
)

/** The words in a word: `don't` is `do not`, `what's` is `what is`, `India's` and `l'Inde` are who they speak of. */
export function expand(word: string): readonly string[] {
  const at = word.indexOf("'")
  if (at < 0) return sloppy.get(word) ?? [word]
  if (word.endsWith("n't")) return [negated.get(word) ?? word.slice(0, -3), 'not']
  const [start, end] = [word.slice(0, at), word.slice(at + 1).replaceAll("'", '')]
  if (end === 's') return before.has(start) ? [start, 'is'] : [start]
  const swallowed = endings.get(end)
  if (swallowed !== undefined) return [start, swallowed]
  return elided.has(start) ? [end] : [start + end]
}

const elided = new Set(['l', 'd', 'j', 'n', 'm', 't', 's', 'c', 'qu', 'un', 'dell', 'all', 'nell'])
