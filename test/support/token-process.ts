import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const module = join(import.meta.dirname, '..', '..', 'src', 'cli', 'admin-token.ts')

/** Another process that makes sure there is an admin token, and the one it has got. */
export async function tokenOfAnotherProcess(environment: NodeJS.ProcessEnv): Promise<string> {
  const program = `import { ensureAdminToken } from ${JSON.stringify(module)}\nconsole.log(await ensureAdminToken())`
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { env: { ...process.env, ...environment } })
  return stdout.trim()
}
