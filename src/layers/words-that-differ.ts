/** Which words only one of two texts has, as often as it has more of them; letter case aside. */
export function wordsThatDiffer(
  asked: string,
  answered: string
): { readonly asked: readonly string[]; readonly answered: readonly string[] } {
  return { asked: beyond(wordsOf(asked), wordsOf(answered)), answered: beyond(wordsOf(answered), wordsOf(asked)) }
}

function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{N}\p{M}_'’+#.%$€£-]*[\p{L}\p{N}\p{M}+#%]/gu) ?? []
}

function beyond(words: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>()
  for (const word of others) left.set(word.toLowerCase(), (left.get(word.toLowerCase()) ?? 0) + 1)
  return words.filter((word) => {
    const count = left.get(word.toLowerCase()) ?? 0
    left.set(word.toLowerCase(), count - 1)
    return count <= 0
  })
}
