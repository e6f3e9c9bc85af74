import { once } from 'node:events'
import { connect } from 'node:net'

/** Where a budget stood when the last call was let through. In billionths of a dollar. */
export interface Ledger {
  readonly spent: number
  /** For the calls that were under way, that one included. */
  readonly setAside: number
  readonly underWay: number
}

/**
 * Looks on, at the Redis server itself, while gateways set amounts aside there and settle them: what was expected of a
 * call is said nowhere else.
 */
export async function watchBudget(port: number): Promise<{ end(): Ledger }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.write('MONITOR\r\n')
  while (!text.startsWith('+OK')) await new Promise((resolve) => setTimeout(resolve, 1))
  return {
    end() {
      socket.destroy()
      return read(text.split('\n'))
    }
  }
}

const adding = /"EVAL(?:SHA)?" "[^"]+" "1" "[^"]*budget:[^"]*:(committed|spent)" "(-?\d+)" "\d+"( "\d+")?/i
const added = /lua\] "INCRBY" "[^"]*budget:/

/** A script runs as a whole: what it has added stands behind it. Whoever sets something aside names a limit. */
function read(lines: readonly string[]): Ledger {
  let [committed, spent, underWay] = [0, 0, 0]
  let last: Ledger = { spent: 0, setAside: 0, underWay: 0 }
  let asked: RegExpExecArray | null = null
  for (const line of lines) {
    asked = adding.exec(line) ?? asked
    if (asked === null || !added.test(line)) continue
    const [, counter, by, limit] = asked
    asked = null
    if (counter === 'spent') {
      spent += Number(by)
      if (Number(by) > 0) underWay -= 1
      continue
    }
    committed += Number(by)
    if (limit === undefined || Number(by) <= 0) continue
    underWay += 1
    last = { spent, setAside: committed - spent, underWay }
  }
  return last
}
