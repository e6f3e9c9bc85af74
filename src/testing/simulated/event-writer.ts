import type { ServerResponse } from 'node:http'
import type { StreamEvent } from './endpoint.ts'

/** Writes server-sent events to a response, whole or in pieces of so many bytes that need not end where an event does. */
export class EventWriter {
  readonly #response: ServerResponse
  readonly #pieceBytes: number | undefined
  #waiting: Buffer = Buffer.alloc(0)

  constructor(response: ServerResponse, pieceBytes: number | undefined) {
    this.#response = response
    this.#pieceBytes = pieceBytes
  }

  async write({ event, data }: StreamEvent): Promise<void> {
    const text = `${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`
    if (this.#pieceBytes === undefined) return this.#send(Buffer.from(text))
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(text)])
    while (this.#waiting.length >= this.#pieceBytes) await this.#sendPiece(this.#pieceBytes)
  }

  /** Sends what is left of the last event. */
  async flush(): Promise<void> {
    if (this.#waiting.length > 0) await this.#sendPiece(this.#waiting.length)
  }

  async #sendPiece(length: number): Promise<void> {
    const piece = this.#waiting.subarray(0, length)
    this.#waiting = this.#waiting.subarray(length)
    await this.#send(piece)
    // A turn of the event loop between two pieces, or they would leave in one packet.
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Waits while the caller does not read. */
  async #send(bytes: Buffer): Promise<void> {
    if (this.#response.destroyed || this.#response.write(bytes)) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off('drain', done).off('close', done)
        resolve()
      }
      this.#response.once('drain', done).once('close', done)
    })
  }
}
