import type { IncomingMessage } from 'node:http'

/** The path of a request, without its query. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}
