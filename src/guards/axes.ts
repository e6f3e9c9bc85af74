/** Words on axes of meaning, by word: where each stands. */
export type Axes = ReadonlyMap<string, readonly Place[]>

interface Place {
  readonly axis: number
  readonly side: number
}

/** Reads lines of words, each an axis, its sides parted by bars. `keyOf` is what a word is looked up by; default: itself. */
export function axesOf(lines: string, keyOf: (word: string) => string = (word) => word): Axes {
  const places = new Map<string, Place[]>()
  for (const [axis, line] of lines.trim().split('\n').entries()) {
    for (const [side, words] of line.split('|').entries()) {
      for (const word of words.trim().split(/\s+/)) {
        const key = keyOf(word)
        places.set(key, [...(places.get(key) ?? []), { axis, side }])
      }
    }
  }
  return places
}

/** Whether two words stand on different sides of one axis. */
export function isOpposite(axes: Axes, x: string, y: string): boolean {
  const places = axes.get(y)
  return (
    places !== undefined &&
    (axes.get(x) ?? []).some(({ axis, side }) => places.some((other) => other.axis === axis && other.side !== side))
  )
}

/** Whether two words stand on one side of an axis. */
export function isBeside(axes: Axes, x: string, y: string): boolean {
  const places = axes.get(y)
  return (
    places !== undefined &&
    (axes.get(x) ?? []).some(({ axis, side }) => places.some((other) => other.axis === axis && other.side === side))
  )
}
