/** The longest time between two turns of the event loop until the promise is settled, in milliseconds. */
export async function longestHold(promise: Promise<unknown>): Promise<number> {
  let longest = 0
  let isOver = false
  const over = promise.finally(() => {
    isOver = true
  })
  for (let last = performance.now(); !isOver; ) {
    await new Promise((resolve) => setImmediate(resolve))
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  await over
  return longest
}
