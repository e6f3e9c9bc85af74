import { createParser } from 'eventsource-parser'
import type { Delta } from '../core/handler.ts'

/** Reads server-sent events from bytes that come in any cut. */
export interface EventReader {
  /** Takes the next bytes, and tells of every event that they complete. */
  feed(chunk: Uint8Array): void
}

/**
 * Reads a stream of server-sent events. `onDelta` is called for each event and each comment, in order and while
 * `feed` runs. Chunks may cut characters, line ends and events anywhere. An event that still lacks its blank line
 * when the stream ends is never told of, as the standard has it.
 */
export function readEvents(onDelta: (delta: Delta) => void): EventReader {
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent: ({ event, data }) => onDelta(event === undefined ? { data } : { event, data }),
    onComment: (data) => onDelta({ comment: true, data })
  })
  let afterReturn = false

  return {
    feed(chunk) {
      let text = decoder.decode(chunk, { stream: true })
      if (text === '') return
      // The parser waits at a carriage return for what follows it; here it ends its line at once.
      if (afterReturn && text.startsWith('\n')) text = text.slice(1)
      afterReturn = text === '' ? false : text.endsWith('\r')
      if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n')
      if (text !== '') parser.feed(text)
    }
  }
}

/** One event as text, its blank line included: `event: x`, a `data:` line for each line of the data; or a comment. */
export function writeEvent({ event, data, comment }: Delta): string {
  const lines = data.split(/\r\n|\r|\n/)
  if (comment) return `${lines.map((line) => `: ${line}\n`).join('')}\n`
  const named = event === undefined ? '' : `event: ${event}\n`
  return `${named}${lines.map((line) => `data: ${line}\n`).join('')}\n`
}
