import { isObject, type JsonObject } from '../core/json.ts'

/** A JSON object as it crossed the wire: the bytes as they were said, read only when somebody must look inside. */
export class Body {
  readonly bytes: Uint8Array
  #json: JsonObject | undefined

  private constructor(bytes: Uint8Array, json: JsonObject | undefined) {
    this.bytes = bytes
    this.#json = json
  }

  static fromBytes(bytes: Uint8Array): Body {
    return new Body(bytes, undefined)
  }

  static fromJson(json: JsonObject): Body {
    return new Body(Buffer.from(JSON.stringify(json)), json)
  }

  /** What the bytes say. Throws a SyntaxError when they are not a JSON object. */
  get json(): JsonObject {
    if (this.#json === undefined) {
      const value: unknown = JSON.parse(textOf(this.bytes))
      if (!isObject(value)) throw new SyntaxError('expected a JSON object')
      this.#json = value
    }
    return this.#json
  }
}

/** Bytes as the text they are in UTF-8, without copying them first. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
