import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signatureBytes = 8
/** Of a pixel: red, green and blue. */
const pixelBytes = 3

/**
 * A picture that looks the same in fewer bytes: the lines of a page full of text and flat ground are packed best as they
 * are, and not as their differences, which is how browsers write them; and the rare colours at the edges of letters and
 * lines lose their last two bits. For RGB with 8 bits, not interlaced; others are returned as they are. As in the PNG
 * specification, third edition, 9 and 10.
 */
export function smallerPng(png: Buffer): Buffer {
  const chunks = chunksOf(png)
  const header = chunks.find(({ type }) => type === 'IHDR')?.data
  // Depth, colours, packing, filters, interlacing.
  if (header?.subarray(8, 13).equals(Buffer.from([8, 2, 0, 0, 0])) !== true) return png
  const packed = chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)
  const lineBytes = header.readUInt32BE(0) * pixelBytes
  const lines = coarser(unfiltered(inflateSync(Buffer.concat(packed)), lineBytes), lineBytes)
  const made = Buffer.concat([
    png.subarray(0, signatureBytes),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0))
  ])
  return made.length < png.length ? made : png
}

interface Chunk {
  readonly type: string
  readonly data: Buffer
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = signatureBytes; at < png.length; ) {
    const length = png.readUInt32BE(at)
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return chunks
}

function chunk(type: string, data: Buffer): Buffer {
  const made = Buffer.alloc(12 + data.length)
  made.writeUInt32BE(data.length, 0)
  made.write(type, 4, 'latin1')
  data.copy(made, 8)
  made.writeUInt32BE(crc32(made.subarray(4, 8 + data.length)), 8 + data.length)
  return made
}

/** With fewer colours; those that many pixels have stay as they are. */
function coarser(lines: Buffer, lineBytes: number): Buffer {
  const made = Buffer.from(lines)
  const pixels = Array.from(
    { length: lines.length / (lineBytes + 1) },
    (_, line) => line * (lineBytes + 1) + 1
  ).flatMap((start) => Array.from({ length: lineBytes / pixelBytes }, (_, pixel) => start + pixel * pixelBytes))
  const counts = new Map<number, number>()
  for (const at of pixels) counts.set(lines.readUIntBE(at, 3), (counts.get(lines.readUIntBE(at, 3)) ?? 0) + 1)
  for (const at of pixels) {
    const colour = lines.readUIntBE(at, 3)
    if ((counts.get(colour) ?? 0) < pixels.length / 2000) made.writeUIntBE((colour & 0xfcfcfc) | 0x020202, at, 3)
  }
  return made
}

/** The lines, each after the byte that says how it is filtered, and now not at all. */
function unfiltered(filtered: Buffer, lineBytes: number): Buffer {
  const lines = Buffer.alloc(filtered.length)
  for (let start = 0; start < filtered.length; start += lineBytes + 1) {
    const filter = filtered[start]
    for (let at = start + 1; at <= start + lineBytes; at += 1) {
      const inLine = at - start > pixelBytes
      const left = inLine ? (lines[at - pixelBytes] ?? 0) : 0
      const above = start > 0 ? (lines[at - lineBytes - 1] ?? 0) : 0
      const corner = inLine && start > 0 ? (lines[at - lineBytes - 1 - pixelBytes] ?? 0) : 0
      lines[at] = (filtered[at] ?? 0) + predicted(filter, left, above, corner)
    }
  }
  return lines
}

function predicted(filter: number | undefined, left: number, above: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return above
  if (filter === 3) return (left + above) >> 1
  return filter === 4 ? paeth(left, above, corner) : 0
}

/** Whichever is nearest to what a plane through the three would have here. */
function paeth(left: number, above: number, corner: number): number {
  const plane = left + above - corner
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((one) => Math.abs(plane - one)) as [
    number,
    number,
    number
  ]
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}
