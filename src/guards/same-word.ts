/** Whether two words are forms of one word, or one is the other with a slip of the finger. */
export function isSameWord(x: string, y: string): boolean {
  const [short, long] = x.length <= y.length ? [x, y] : [y, x]
  if (short.length < 4 || long.length > 40) return short === long
  return isSlip(short, long) || isForm(short, long)
}

/** Two neighbouring letters swapped, or one letter too many within a long word. */
function isSlip(short: string, long: string): boolean {
  if (long.length - short.length > 1) return false
  let start = 0
  while (start < short.length && short[start] === long[start]) start++
  let end = 0
  while (end < short.length - start && short[short.length - 1 - end] === long[long.length - 1 - end]) end++
  const restShort = short.slice(start, short.length - end)
  const restLong = long.slice(start, long.length - end)
  if (restShort.length === 2 && restLong.length === 2)
    return restShort[0] === restLong[1] && restShort[1] === restLong[0]
  return long.length >= 7 && restShort.length === 0 && restLong.length === 1 && start > 0 && end > 0
}

/** What makes a form of a word, or a word of the same meaning in another place of the sentence. */
const endings = new Set(
  's e n al ally ly ed ing ship ment ation ion ness ity ized ised izing ising ize ise isation ization es en er em ern'.split(
    ' '
  )
)
/** In words as short, only these. */
const shortEndings = new Set(['s', 'e', 'n', 'es', 'en'])

function isForm(short: string, long: string): boolean {
  if (long.charCodeAt(0) > 127) return sharesStem(short, long)
  if (!long.startsWith(short)) return false
  const ending = long.slice(short.length)
  return shortEndings.has(ending) || (short.length >= 6 && endings.has(ending))
}

/** Of the inflections of other alphabets nothing is known but that they stand at the end. */
function sharesStem(short: string, long: string): boolean {
  let start = 0
  while (start < short.length && short[start] === long[start]) start++
  return start >= 4 && start >= long.length * 0.6 && long.length - start <= 3
}
