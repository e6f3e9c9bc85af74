import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'

/*
 * LMDB trusts its file: it follows page numbers into memory, and a file that was cut short or written over ends the
 * process by a signal that no JavaScript can catch. So the file is looked through before it is opened: both heads,
 * then every page of the tree, as far as time allows, branches before leaves. A file in use may be looked at too:
 * pages that the last transaction can reach are not written to before the next one has been committed, and when one
 * has been, the looking starts again.
 *
 * Seen: a file that is empty of sense, cut short, or overwritten in its head or its tree. Not seen: what is wrong
 * inside of a value (the reader's checksum finds that), and damage beyond the pages there was time for.
 *
 * The layout is that of LMDB's data version 2 in 64 bits, little-endian, as `lmdb` 3 writes it. What LMDB would refuse
 * to open counts as damaged too, since `lmdb` 3 crashes when its opening fails.
 */
const magic = 0xbeefc0de
const knownVersion = 2

const pageHeader = 24
const metaSize = pageHeader + 144
const databaseSize = 48
const noPage = 0xffff_ffff_ffff_ffffn

const branchPage = 0x01
const leafPage = 0x02
const overflowPage = 0x04
const metaPage = 0x08
const bigData = 0x01

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: bigint
  readonly bootId: bigint
  /** The two trees: of free pages, and of the entries. */
  readonly roots: readonly { readonly page: number | undefined; readonly depth: number }[]
}

/** What is wrong with an LMDB file; undefined when nothing is, or the file is empty. */
export function damageOf(path: string, budgetMs = 500): string | undefined {
  const file = openSync(path, 'r')
  try {
    const untilMs = performance.now() + budgetMs
    for (;;) {
      const meta = currentMeta(file)
      if (typeof meta !== 'object') return meta
      const damage = lookThrough(file, meta, untilMs)
      if (damage === undefined) return undefined
      const again = currentMeta(file)
      // Somebody has committed meanwhile, and so has it open: pages may have been used anew under our eyes.
      if (typeof again !== 'object' || again.transaction === meta.transaction) return damage
      if (performance.now() > untilMs) return undefined
    }
  } finally {
    closeSync(file)
  }
}

/** The head that LMDB would choose; what is wrong with the heads; undefined when the file is empty. */
function currentMeta(file: number): Meta | string | undefined {
  const { size } = fstatSync(file)
  if (size === 0) return undefined
  const first = readMeta(file, 0)
  if (typeof first === 'string') return first
  const { pageSize } = first
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return `a page size of ${pageSize}`
  const second = readMeta(file, pageSize)
  if (typeof second === 'string') return second
  const latest = first.transaction >= second.transaction ? first : second
  // After a crash of the machine LMDB goes back to the last transaction that was safely on the disk.
  if (latest.bootId === 0n || latest.bootId === thisBoot()) return latest
  const flushed = readMeta(file, pageSize / 2, pageSize)
  return typeof flushed === 'object' && flushed.transaction > 0n ? flushed : latest
}

function readMeta(file: number, position: number, knownPageSize?: number): Meta | string {
  const page = Buffer.alloc(metaSize)
  if (readSync(file, page, 0, metaSize, position) < metaSize) return 'no room for its head'
  if (knownPageSize === undefined) {
    if ((page.readUInt16LE(18) & metaPage) === 0) return 'no head'
    if (page.readUInt32LE(pageHeader) !== magic) return 'not a head of LMDB'
    const fileVersion = page.readUInt32LE(pageHeader + 4)
    if ((fileVersion & 0xffff) !== knownVersion) return `of version ${fileVersion}, not ${knownVersion}`
  }
  const roots = [0, 1].map((index) => {
    const at = pageHeader + 24 + index * databaseSize
    const root = page.readBigUInt64LE(at + 40)
    return { page: root === noPage ? undefined : Number(root), depth: page.readUInt16LE(at + 6) }
  })
  return {
    pageSize: knownPageSize ?? page.readUInt32LE(pageHeader + 24),
    lastPage: Number(page.readBigUInt64LE(pageHeader + 120)),
    transaction: page.readBigUInt64LE(pageHeader + 128),
    bootId: page.readBigInt64LE(pageHeader + 136),
    roots
  }
}

/** The first page that is not what it should be. */
function lookThrough(file: number, meta: Meta, untilMs: number): string | undefined {
  const { pageSize, lastPage } = meta
  const pagesInFile = Math.floor(fstatSync(file).size / pageSize)
  const page = Buffer.alloc(pageSize)

  function wrongNumber(number: number, count = 1): string | undefined {
    if (number < 2 || number + count - 1 > lastPage) return `a pointer to page ${number} of ${lastPage}`
    return number + count > pagesInFile ? `cut short: page ${number} of ${pagesInFile} is missing` : undefined
  }

  for (const { page: root, depth } of meta.roots) {
    let level = root === undefined ? [] : [root]
    for (let left = depth; left > 0; left--) {
      const below: number[] = []
      for (const number of level) {
        if (performance.now() > untilMs) return undefined
        const wrong = wrongNumber(number)
        if (wrong !== undefined) return wrong
        readSync(file, page, 0, pageSize, number * pageSize)
        const kind = left > 1 ? branchPage : leafPage
        const damage = damageOfPage(page, number, kind)
        if (damage !== undefined) return damage
        for (const node of nodesOf(page)) {
          if (kind === branchPage) {
            below.push(node.child)
          } else if ((node.flags & bigData) !== 0) {
            const broken = wrongNumber(node.bigPage, node.bigPages)
            if (broken !== undefined) return broken
          }
        }
      }
      level = below
    }
  }
  return undefined
}

function damageOfPage(page: Buffer, number: number, kind: number): string | undefined {
  if (Number(page.readBigUInt64LE(0)) !== number) return `page ${number} bears another number`
  if ((page.readUInt16LE(18) & (branchPage | leafPage | overflowPage | metaPage)) !== kind) {
    return `page ${number} is of another kind`
  }
  const lower = page.readUInt16LE(20)
  const upper = page.readUInt16LE(22)
  const room = page.length - pageHeader
  if (lower > upper || upper > room) return `page ${number} ends before it begins`
  const isLeaf = kind === leafPage
  for (let index = 0; index < lower >> 1; index++) {
    const offset = page.readUInt16LE(pageHeader + 2 * index)
    if (offset < upper || offset + 8 > room) return `page ${number} points out of itself`
    const node = pageHeader + offset
    const keySize = page.readUInt16LE(node + 6)
    const isBig = (page.readUInt16LE(node + 4) & bigData) !== 0
    const dataSize = !isLeaf ? 0 : isBig ? 24 : page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 65_536
    if (offset + 8 + keySize + dataSize > room) return `page ${number} has a node beyond its end`
  }
  return undefined
}

function* nodesOf(page: Buffer): Generator<{ flags: number; child: number; bigPage: number; bigPages: number }> {
  const count = page.readUInt16LE(20) >> 1
  for (let index = 0; index < count; index++) {
    const at = pageHeader + page.readUInt16LE(pageHeader + 2 * index)
    const flags = page.readUInt16LE(at + 4)
    const child = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 65_536 + flags * 4_294_967_296
    const data = at + 8 + page.readUInt16LE(at + 6)
    const isBig = (page.readUInt16LE(18) & leafPage) !== 0 && (flags & bigData) !== 0
    yield {
      flags,
      child,
      bigPage: isBig ? Number(page.readBigUInt64LE(data)) : 0,
      bigPages: isBig ? Number(page.readBigUInt64LE(data + 16)) : 0
    }
  }
}

/** The number that LMDB keeps of the machine's current run: the first part of its boot id. */
function thisBoot(): bigint {
  try {
    return BigInt(`0x${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')[0]}`)
  } catch {
    return 0n
  }
}
