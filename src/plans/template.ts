/** A text with places for other atoms' answers: texts and names of atoms in turn, beginning and ending with a text. */
export class Template {
  readonly pieces: readonly string[]

  constructor(pieces: readonly string[]) {
    this.pieces = pieces
  }

  /** The text with an answer in each place. What an answer says is no template: braces in it stay as they are. */
  filled(answerOf: (name: string) => string): string {
    return this.pieces.map((piece, index) => (index % 2 === 1 ? answerOf(piece) : piece)).join('')
  }
}

/** A place whose name is none. */
export interface NoPlace {
  /** What stands there, as far as it goes. */
  readonly at: string
}

/**
 * Takes a text apart: `{{name}}` is a place, `{{{{` stands for two braces. Gives the pieces, texts and names in turn, and
 * where two braces open something that is no place.
 */
export function placesIn(text: string): { readonly pieces: readonly string[]; readonly wrong: readonly NoPlace[] } {
  const pieces: string[] = []
  const wrong: NoPlace[] = []
  let before = ''
  let from = 0
  for (let at = text.indexOf('{{'); at !== -1; at = text.indexOf('{{', from)) {
    before += text.slice(from, at)
    if (text.startsWith('{{{{', at)) {
      before += '{{'
      from = at + 4
      continue
    }
    // Of three braces the first is a brace: `{{{name}}}` is a place within braces.
    const isThird = text.startsWith('{{{', at)
    place.lastIndex = isThird ? at + 1 : at
    const [whole, name] = place.exec(text) ?? []
    if (whole === undefined || name === undefined) {
      wrong.push({ at: text.slice(at, at + 30) })
      from = at + 2
      continue
    }
    pieces.push(isThird ? `${before}{` : before, name)
    before = ''
    from = place.lastIndex
  }
  pieces.push(before + text.slice(from))
  return { pieces, wrong }
}

const place = /\{\{[ \t]{0,20}([\w.-]{1,64})[ \t]{0,20}\}\}/y
