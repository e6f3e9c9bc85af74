import { randomBytes } from 'node:crypto'
import { link, mkdir, open, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../config/settings.ts'
import { messageOf, RepriseError } from '../core/errors.ts'
import { checkedToken, isLoopback } from '../gateway/admin.ts'

/** Where `reprise serve` keeps the admin token that it has made because it was given none. */
export function adminTokenFile(environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(environment), 'admin-token')
}

/**
 * The admin token: `REPRISE_ADMIN_TOKEN`, else what the file holds; undefined when there is neither.
 * @throws RepriseError `invalid-option` for a file that is empty, cannot be read, or that others can read, and for a token
 * that no header can hold
 */
export async function readAdminToken(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  return given(environment) ?? (await inFile(adminTokenFile(environment)))
}

/**
 * The admin token to show to the gateway at a URL. The file's is for gateways of this machine: what a `--url` with a
 * slip in it leads to is not told.
 * @throws RepriseError `invalid-option`, as `readAdminToken`
 */
export async function adminTokenFor(
  url: string,
  environment: NodeJS.ProcessEnv = process.env
): Promise<string | undefined> {
  return isLoopback(new URL(url).hostname) ? readAdminToken(environment) : given(environment)
}

/**
 * The admin token, made and written to the file (for this user only) when there is none. Processes that start together
 * get the same one.
 * @throws RepriseError `invalid-option` for a file that is empty, that others can read, or that cannot be written
 */
export async function ensureAdminToken(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const known = await readAdminToken(environment)
  if (known !== undefined) return known
  const file = adminTokenFile(environment)
  const token = randomBytes(32).toString('base64url')
  try {
    await mkdir(cacheFolder(environment), { recursive: true, mode: 0o700 })
    if (await writtenFirst(file, `${token}\n`)) return token
  } catch (error) {
    throw new RepriseError(
      'invalid-option',
      `cannot write an admin token to ${file}: ${messageOf(error)}; set REPRISE_ADMIN_TOKEN instead`,
      { cause: error }
    )
  }
  const others = await inFile(file)
  if (others !== undefined) return others
  throw new RepriseError('invalid-option', `${file} has gone while it was read: start again`)
}

function given(environment: NodeJS.ProcessEnv): string | undefined {
  const token = environment['REPRISE_ADMIN_TOKEN']
  // An empty variable is how a shell or a compose file says that there is none.
  return token === undefined || token === '' ? undefined : checkedToken(token, 'REPRISE_ADMIN_TOKEN')
}

/** Writes a file that is there with all that is in it or not at all; false when somebody else has been first. */
async function writtenFirst(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, text, { flag: 'wx', mode: 0o600 })
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    // A file system without links: whoever reads between these two steps finds the file empty, and says so.
    return await writeFile(file, text, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      (second: unknown) => {
        if (hasCode(second, 'EEXIST')) return false
        throw second
      }
    )
  } finally {
    await unlink(draft)
  }
}

/** What the file holds; undefined when there is none. */
async function inFile(file: string): Promise<string | undefined> {
  let text: string
  let mode: number
  try {
    // Of the same file that is read, whatever becomes of the name meanwhile.
    const handle = await open(file)
    try {
      mode = (await handle.stat()).mode
      text = (await handle.readFile('utf8')).trim()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw invalid(`cannot read the admin token in ${file}: ${messageOf(error)}`, error)
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw invalid(
      `${file} holds the admin token, and others on this machine can read or write it (mode ${(mode & 0o777).toString(8)}): delete it, and reprise serve makes a new one`
    )
  }
  if (text === '') throw invalid(`${file} is empty: delete it, and reprise serve makes a new one`)
  return checkedToken(text, file)
}

function invalid(message: string, cause?: unknown): RepriseError {
  return new RepriseError('invalid-option', `${message}; or set REPRISE_ADMIN_TOKEN`, { cause })
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
