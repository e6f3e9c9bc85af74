import type { Batching, Doubtful, Part } from '../../src/core/batching.ts'

interface Text {
  readonly text: string
}

/** What a combined text asks: an identifier and a text each. */
export type Asked = readonly (readonly [id: string, text: string])[]

/** Asks texts such as `red: how many?` together: those of one colour, which `none` is not. Told by identifier. */
export function textBatching(): Batching<Text, string> {
  let calls = 0
  return {
    group({ text }) {
      const colour = text.slice(0, text.indexOf(':'))
      return colour === 'none' ? undefined : colour
    },
    combine(requests) {
      calls += 1
      const asked: Asked = requests.map(({ text }, place) => [`${calls}-${place}`, text])
      return {
        request: { text: `together ${JSON.stringify(asked)}` },
        split({ value, origin }) {
          if (value === 'unsplittable') throw new Error('unsplittable')
          const told = JSON.parse(value) as Readonly<Record<string, string | Doubtful>>
          return asked.map(([id]): Part<string> => {
            const part = told[id] ?? { doubt: 'missing' }
            if (typeof part !== 'string') return part
            const costUsd = origin.costUsd === undefined ? {} : { costUsd: origin.costUsd / asked.length }
            return { answer: { value: part, origin: { ...origin, ...costUsd } } }
          })
        }
      }
    }
  }
}

/** What a combined text asks; undefined for a text of somebody's own. */
export function askedIn(text: string): Asked | undefined {
  return text.startsWith('together ') ? (JSON.parse(text.slice('together '.length)) as Asked) : undefined
}

/** The answer to a combined text, last part first: what is told of each text, or why it is doubtful. */
export function toldAll(text: string, tell: (text: string, place: number) => string | Doubtful | undefined): string {
  const parts = (askedIn(text) ?? []).map(([id, each], place) => [id, tell(each, place)] as const)
  return JSON.stringify(Object.fromEntries(parts.filter(([, told]) => told !== undefined).reverse()))
}
