import { createHash } from 'node:crypto'
import { messageOf } from './errors.ts'

/** A Lua script, known to the server by its hash. */
export interface RedisScript {
  readonly source: string
  readonly sha: string
}

export function redisScript(source: string): RedisScript {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/** Runs a script, and sends it along when the server does not know it: it forgets when it starts or is flushed. */
export async function runScript<Argument>(
  command: (args: readonly (string | Argument)[]) => Promise<unknown>,
  { sha, source }: RedisScript,
  keys: readonly string[],
  args: readonly (string | Argument)[]
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args]
  try {
    return await command(['EVALSHA', sha, ...rest])
  } catch (error) {
    if (!messageOf(error).includes('NOSCRIPT No matching script')) throw error
    return await command(['EVAL', source, ...rest])
  }
}
