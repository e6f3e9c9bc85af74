import { Entries } from '../src/stores/entries.ts'
import { openStore } from '../src/stores/open.ts'
import { lookups } from './invalidation-lookups.ts'

// Looks entries up between `begin` and `end`, in a process of its own.

const [spec = '', entryCount = '1'] = process.argv.slice(2)
const entries = new Entries(await openStore(spec, { maxBytes: 4 * 1024 ** 3 }), { deadlineMs: 10_000 })
let over = new AbortController()
let looking = lookups(entries, Number(entryCount), AbortSignal.abort())

process.on('message', (message) => {
  if (message === 'begin') {
    over = new AbortController()
    looking = lookups(entries, Number(entryCount), over.signal)
    return
  }
  over.abort()
  looking.then((found) => process.send?.(found))
})
process.send?.('ready')
