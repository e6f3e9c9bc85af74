import { RepriseError } from '../core/errors.ts'

/** What a request gets that allows no answer but the cache's, and has none there. `why`: the cache was not asked. */
export function notInCache(why?: string): RepriseError {
  const what = why === undefined ? 'the answer is not in the cache' : `the cache is not asked (${why})`
  return new RepriseError('only-if-cached', `${what}, and the request allows no other (Cache-Control: only-if-cached)`)
}
