import type { Event } from '../core/events.ts'

/** Longer than anything that is said here, and short enough for a log. */
const longest = 1000

/**
 * What the operator is told of an event, in one line: what is gone, what is back, and who stood in for whom; undefined
 * for what is as usual. Callers name models, tools and fields: none of them begins a line of its own.
 */
export function eventLine(event: Event): string | undefined {
  const text = textOf(event)?.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return text !== undefined && text.length > longest ? `${text.slice(0, longest)}...` : text
}

function textOf(event: Event): string | undefined {
  switch (event.type) {
    case 'opened':
      return `${event.part} does not answer, going on without it: ${withoutQuotes(event.error?.message ?? '')}`
    case 'closed':
      return `${event.part} is back`
    case 'failed':
      if (event.part === 'budgets') return `budgets: ${event.error.message}`
      if (event.operation !== 'decode') return undefined
      return event.part === 'store' ? `${event.error.message}: deleted` : event.error.message
    case 'fell-back':
      return `${event.from} did not answer, asking ${event.to}: ${withoutQuotes(event.reason)}`
    case 'skipped':
      // That a target is left out has been said when it was.
      return event.reason === 'left-out' ? undefined : `${event.target} is not asked (${event.reason}): ${event.detail}`
    case 'switched':
      return `${event.layer} is switched ${event.on ? 'on' : 'off'}`
    default:
      return undefined
  }
}

/** A provider's words may repeat the prompt, or the key it was asked with: a log says what it answered, and not how. */
function withoutQuotes(reason: string): string {
  return reason.replace(/^(answered \d{3}|the stream began with an error): .*$/s, '$1')
}
