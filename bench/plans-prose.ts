import { seededBy } from './plans-random.ts'

const subjects =
  'the service, the module, each request, a failed call, the caller, the table, every record, the index, the handler, a worker, the queue, the schema, an old entry, the client'
const verbs =
  'checks, returns, stores, rejects, keeps, reads, forwards, locks, releases, counts, validates, writes, replaces, closes'
const objects =
  'the amount, a stable key, its own state, the last version, the given limit, a list of errors, the tenant, one event, the whole batch, the next page, its time stamp, the currency, the audit trail, a short message'
const ends =
  'before anything else happens, within one transaction, unless the state forbids it, as the design says, and says so in the log, once for each caller, in the order of arrival, when the lock is held, so that nobody waits, and nothing is lost'
const [of, does, what, when] = [subjects, verbs, objects, ends].map((list) => list.split(', '))

/** About so many tokens of text that follow from the seed: nobody reads them, but they are sent and paid for. */
export function prose(seed: string, tokens: number): string {
  const random = seededBy(seed)
  const pick = (from: readonly string[] = []): string => from[Math.floor(random() * from.length)] ?? ''
  const sentences: string[] = []
  // A sentence has about a dozen.
  for (let left = tokens; left > 0; left -= 13) {
    const sentence = `${pick(of)} ${pick(does)} ${pick(what)} ${pick(when)}.`
    sentences.push(sentence.charAt(0).toUpperCase() + sentence.slice(1))
  }
  return sentences.join(' ')
}
