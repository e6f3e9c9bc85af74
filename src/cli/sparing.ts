import { LRUCache } from 'lru-cache'

const everyMs = 10_000
/** How many different lines are remembered. */
const mostLines = 1000

/**
 * Prints a line once, and when it comes again within ten seconds only how often, at their end: what happens with every
 * request while a provider is down must not bury the rest.
 */
export function sparing(print: (line: string) => void): (line: string) => void {
  const again = new LRUCache<string, { count: number }>({ max: mostLines })
  return function say(line) {
    // How much has been spent differs from call to call.
    const same = line.replace(/\$[\d.]+/g, '$')
    const known = again.get(same)
    if (known !== undefined) {
      known.count += 1
      return
    }
    const times = { count: 0 }
    again.set(same, times)
    print(line)
    setTimeout(() => {
      if (again.peek(same) === times) again.delete(same)
      if (times.count > 0) print(`${line} (${times.count} more times within ${everyMs / 1000} s)`)
    }, everyMs).unref()
  }
}
