import type { RedisConnection } from './redis-connection.ts'

/** How many keys or members are asked for at a time. */
const chunk = 500

/** What a command with a cursor finds, page by page: `before` and `after` stand before and after the cursor. */
export async function* pagesOf(
  connection: RedisConnection,
  before: readonly string[],
  after: readonly string[] = []
): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0'
  do {
    const reply = await connection.send([...before, cursor, ...after, 'COUNT', String(chunk)])
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw connection.nonsense(before.join(' '))
    cursor = String(reply[0])
    yield reply[1] as readonly Buffer[]
  } while (cursor !== '0')
}

/** The members of a sorted set and their scores in turn, some hundreds of members at a time. */
export async function* membersOf(connection: RedisConnection, set: string): AsyncGenerator<readonly Buffer[]> {
  for await (const page of pagesOf(connection, ['ZSCAN', set])) {
    // A small set comes whole, however little was asked for.
    for (let index = 0; index < page.length; index += 2 * chunk) yield page.slice(index, index + 2 * chunk)
  }
}
