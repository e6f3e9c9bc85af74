import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts'
import { type BatchIntention, BatchJobState } from './batch-job-state.ts'

let folder: TemporaryFolder
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder.path, 'x.batches')
})
afterEach(() => folder.remove())

const intention: BatchIntention = {
  name: 'r1',
  dialect: 'anthropic',
  path: '/v1/messages',
  after: 'msgbatch_0',
  mark: 7,
  requests: ['a', 'b', 'c']
}

/** What is left when a process is killed: its file and its lock. */
function left(work: (state: BatchJobState) => void): void {
  const state = BatchJobState.open(file, 'p')
  work(state)
  const text = readFileSync(file, 'utf8')
  state.close()
  writeFileSync(file, text)
  // No process has this number.
  writeFileSync(`${file}.lock`, `${hostname()} 4194305 a`)
}

describe('BatchJobState', () => {
  it('knows after a kill what was begun, submitted and settled', () => {
    left((state) => {
      state.intend(intention)
      state.intend({ ...intention, name: 'r2', after: null })
      state.intend({ ...intention, name: 'r3' })
      state.submitted('r2', 'msgbatch_2')
      state.settled('r2', [2, 0])
      state.over('r3')
    })
    const state = BatchJobState.open(file, 'p')
    expect(state.open).toEqual([
      { ...intention, id: undefined, settled: new Set() },
      { ...intention, name: 'r2', after: null, id: 'msgbatch_2', settled: new Set([0, 2]) }
    ])
    state.close()
  })

  it('leaves out a line that a kill has cut, and writes on after the last whole one', () => {
    left((state) => state.intend(intention))
    appendFileSync(file, '{"batch":"r1","over":tr')
    const state = BatchJobState.open(file, 'p')
    expect(state.open).toHaveLength(1)
    state.submitted('r1', 'msgbatch_1')
    expect(
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    ).toHaveLength(3)
    state.close()
  })

  it('is gone when nothing is under way any more', () => {
    const state = BatchJobState.open(file, 'p')
    state.intend(intention)
    state.over('r1')
    state.close()
    expect([existsSync(file), existsSync(`${file}.lock`)]).toEqual([false, false])
  })

  it('is for one process at a time, and takes over from one that has gone', () => {
    const state = BatchJobState.open(file, 'p')
    expect(() => BatchJobState.open(file, 'p')).toThrow(expect.objectContaining({ code: 'conflict' }))
    state.close()
    writeFileSync(`${file}.lock`, 'another-machine 1 a')
    expect(() => BatchJobState.open(file, 'p')).toThrow('another run works with')
    writeFileSync(`${file}.lock`, `${hostname()} 4194305 a`)
    BatchJobState.open(file, 'p').close()
  })

  it('refuses what tells of batches that were begun otherwise, and forgets it when they are over', () => {
    left((state) => state.intend(intention))
    expect(() => BatchJobState.open(file, 'q')).toThrow('begun with another --url, store, key or header')
    expect(existsSync(`${file}.lock`)).toBe(false)
    left((state) => state.over('r1'))
    const state = BatchJobState.open(file, 'q')
    state.intend(intention)
    expect(readFileSync(file, 'utf8')).toContain('"purpose":"q"')
    state.close()
  })

  it('refuses a file that is none of its own', () => {
    writeFileSync(file, 'reprise warm 1\n')
    expect(() => BatchJobState.open(file, 'p')).toThrow('is no record of batches')
  })
})
