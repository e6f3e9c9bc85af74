/** A run of a text, and whether the other text lacks it. */
export interface Run {
  readonly text: string
  readonly differs: boolean
}

/** Texts of more words are not compared word for word: that takes their product. */
const mostWords = 600

/** Both texts in runs, with the words that the other has not marked; case is not looked at. */
export function wordDiff(a: string, b: string): readonly [readonly Run[], readonly Run[]] {
  const left = pieces(a)
  const right = pieces(b)
  if (left.length > mostWords || right.length > mostWords) return [[plain(a)], [plain(b)]]
  const table = commonLengths(left, right)
  const kept: [Set<number>, Set<number>] = [new Set(), new Set()]
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    if (same(left[i], right[j])) {
      kept[0].add(i++)
      kept[1].add(j++)
    } else if ((table[i + 1]?.[j] ?? 0) >= (table[i]?.[j + 1] ?? 0)) i += 1
    else j += 1
  }
  return [runs(left, kept[0]), runs(right, kept[1])]
}

function plain(text: string): Run {
  return { text, differs: false }
}

/** Words and numbers each with what separates them from the next. */
interface Piece {
  readonly word: string
  readonly after: string
}

function pieces(text: string): Piece[] {
  return [...text.matchAll(/([\p{L}\p{N}]+(?:[.,'’-][\p{L}\p{N}]+)*|[^\s\p{L}\p{N}])(\s*)/gu)].map(
    ([, word = '', after = '']) => ({ word, after })
  )
}

function same(a: Piece | undefined, b: Piece | undefined): boolean {
  return a?.word.toLowerCase() === b?.word.toLowerCase()
}

/** Of each pair of ends, the length of the longest run of words that both have in order. */
function commonLengths(a: readonly Piece[], b: readonly Piece[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const longest = same(a[i], b[j])
        ? (table[i + 1]?.[j + 1] ?? 0) + 1
        : Math.max(table[i + 1]?.[j] ?? 0, table[i]?.[j + 1] ?? 0)
      const row = table[i]
      if (row !== undefined) row[j] = longest
    }
  }
  return table
}

function runs(all: readonly Piece[], kept: ReadonlySet<number>): Run[] {
  const made: { text: string; differs: boolean }[] = []
  for (const [index, { word, after }] of all.entries()) {
    const differs = !kept.has(index)
    const last = made.at(-1)
    if (last?.differs === differs) last.text += word + after
    else made.push({ text: word + after, differs })
    // The blank after the last word that differs is not part of the difference.
    const end = made.at(-1)
    if (differs && end !== undefined && after !== '' && kept.has(index + 1)) {
      end.text = end.text.slice(0, -after.length)
      made.push({ text: after, differs: false })
    }
  }
  return made
}
