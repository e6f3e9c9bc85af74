/** A text with places for other atoms' answers: texts and names of atoms in turn, beginning and ending with a text. */
export class Template {
  readonly pieces: readonly string[]

  constructor(pieces: readonly string[]) {
    this.pieces = pieces
  }
}
