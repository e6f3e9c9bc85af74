import { setMaxListeners } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Caller } from '../core/handler.ts'

/** Whoever waits for a response: gone when its connection closes before the response has been written. */
export class HttpCaller implements Caller {
  readonly #response: ServerResponse
  #controller: AbortController | undefined

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const response = this.#response
      const controller = new AbortController()
      // Each input of a batch listens to it.
      setMaxListeners(0, controller.signal)
      if (response.destroyed) controller.abort()
      response.once('close', () => {
        if (!response.writableFinished) controller.abort()
      })
      this.#controller = controller
    }
    return this.#controller.signal
  }
}
