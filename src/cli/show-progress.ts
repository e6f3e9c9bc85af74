import type { Progress } from '../embedders/progress.ts'

const everyMs = 500

/** Shows on the terminal how far a download is: one line that is written over, or a line now and then in a log. */
export function showProgress(output: NodeJS.WriteStream = process.stderr): (progress: Progress) => void {
  let shownMs = 0
  let isOpen = false
  return function show({ file, loadedBytes, totalBytes }) {
    const isDone = loadedBytes === totalBytes
    const nowMs = Date.now()
    if (!isDone && nowMs - shownMs < (output.isTTY ? everyMs / 5 : 10 * everyMs)) return
    shownMs = nowMs
    const of = totalBytes === undefined ? '' : ` of ${megabytes(totalBytes)}`
    const line = `fetching ${file}: ${megabytes(loadedBytes)}${of}`
    if (!output.isTTY) {
      output.write(`${line}\n`)
      return
    }
    output.write(`${isOpen ? '\r\u001b[2K' : ''}${line}${isDone ? '\n' : ''}`)
    isOpen = !isDone
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
