import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RepriseError } from '../core/errors.ts'
import type { AdminRoute } from './administration.ts'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json'
}

/** Where the build puts it: the same place seen from the sources and from what was built. */
const builtFolder = new URL('../../dist/dashboard/', import.meta.url)

/** It shows what the gateway says, and asks nobody else: no other host, nothing inline, in nobody's frame. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * `GET /dashboard/`: a page, and what it is made of. It holds nothing of anybody's: what it shows it asks for, with the
 * token of whoever looks at it.
 */
export function dashboard(folder: URL = builtFolder): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: /^\/dashboard$/,
      usage: 'GET /dashboard/',
      open: true,
      answer({ response }) {
        // Relative: the gateway may be reached below another path.
        response.writeHead(308, { location: 'dashboard/', 'content-length': 0 })
        response.end()
      }
    },
    {
      method: 'GET',
      path: /^\/dashboard\/((?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*)?$/,
      usage: 'GET /dashboard/',
      open: true,
      async answer({ caught: [name = ''], response }) {
        const file = name === '' ? 'index.html' : name
        const bytes = await read(fileURLToPath(new URL(file, folder)), name)
        response.writeHead(200, {
          'content-type': types[extname(file)] ?? 'application/octet-stream',
          'content-length': bytes.length,
          'content-security-policy': policy,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          // What is built bears its content's hash in its name; the page itself does not.
          'cache-control': file.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
        })
        response.end(bytes)
      }
    }
  ]
}

async function read(path: string, name: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const missing =
      name === '' ? 'the dashboard has not been built: npm run build' : `the dashboard has no ${JSON.stringify(name)}`
    throw new RepriseError('not-found', missing, { cause: error })
  }
}
