const width = 32

/** A bar on a terminal; where there is none, a line at each tenth. */
export function progressBar(total: number): { show(done: number, note: string): void; end(): void } {
  let tenths = 0
  return {
    show(done, note) {
      const filled = Math.round((done / total) * width)
      const line = `  ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}, ${note}`
      if (process.stdout.isTTY) {
        process.stdout.write(`\r${line}\u001b[K`)
      } else if (Math.floor((done * 10) / total) > tenths) {
        tenths = Math.floor((done * 10) / total)
        console.log(line)
      }
    },
    end() {
      if (process.stdout.isTTY) process.stdout.write('\n')
    }
  }
}
