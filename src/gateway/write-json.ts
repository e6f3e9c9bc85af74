import type { ServerResponse } from 'node:http'

/** Answers with a JSON value and nothing else. */
export function writeJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
