import type { OutgoingHttpHeaders } from 'node:http'
import type { Controls } from './controls.ts'
import type { OtherCache } from './other-caches.ts'
import type { Sink } from './respond.ts'

/** The sink, telling callers who spoke other caches' words in these too what has become of their requests. */
export function sinkFor(sink: Sink, controls: Controls): Sink {
  return controls.tells === undefined ? sink : new TellingSink(sink, controls)
}

/** A response's headers with those of other caches beside them, for those whose words were spoken. */
export function withOtherOutcomes(headers: OutgoingHttpHeaders, { tells, mode }: Controls): OutgoingHttpHeaders {
  const layer = headers['x-reprise-layer']
  if (tells === undefined || layer === undefined) return headers
  for (const cache of tells) Object.assign(headers, tellings[cache](headers, mode.noCache === true))
  return headers
}

/** Reads the outcome from the gateway's own words: whatever they come to say, these cannot say something else. */
const tellings: Readonly<
  Record<OtherCache, (headers: OutgoingHttpHeaders, refreshes: boolean) => OutgoingHttpHeaders>
> = {
  portkey: (headers, refreshes) => ({ 'x-portkey-cache-status': portkeyStatus(headers, refreshes) }),
  helicone: (headers) => ({ 'helicone-cache': isHit(headers) ? 'HIT' : 'MISS' }),
  cloudflare: (headers) => ({ 'cf-aig-cache-status': isHit(headers) ? 'HIT' : 'MISS' }),
  litellm: (headers) => {
    const { 'x-reprise-entry': key, 'x-reprise-similarity': similarity } = headers
    return {
      ...(isHit(headers) && key !== undefined ? { 'x-litellm-cache-key': key } : {}),
      ...(similarity === undefined ? {} : { 'x-litellm-semantic-similarity': similarity })
    }
  }
}

function isHit(headers: OutgoingHttpHeaders): boolean {
  return headers['x-reprise-layer'] !== 'provider'
}

function portkeyStatus(headers: OutgoingHttpHeaders, refreshes: boolean): string {
  if (headers['x-reprise-bypass-reason'] !== undefined) return 'DISABLED'
  if (isHit(headers)) return headers['x-reprise-layer'] === 'semantic' ? 'SEMANTIC HIT' : 'HIT'
  return refreshes ? 'REFRESH' : 'MISS'
}

class TellingSink implements Sink {
  readonly #sink: Sink
  readonly #controls: Controls

  constructor(sink: Sink, controls: Controls) {
    this.#sink = sink
    this.#controls = controls
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): unknown {
    return this.#sink.writeHead(status, withOtherOutcomes(headers, this.#controls))
  }

  write(text: string): unknown {
    return this.#sink.write(text)
  }

  end(data?: string | Uint8Array): unknown {
    return data === undefined ? this.#sink.end() : this.#sink.end(data)
  }

  destroy(): unknown {
    return this.#sink.destroy()
  }
}
