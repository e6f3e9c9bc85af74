import type { KeyObject } from 'node:crypto'
import { createCipheriv, createDecipheriv, createHash, createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { RepriseError } from '../core/errors.ts'

/** Encrypts what is given to a store, so that whoever can read the store cannot read it. */
export interface Seal {
  /** Seals `bytes` under the first key. They open only where the same is said they are `about`. */
  seal(bytes: Uint8Array, about: string): Buffer
  /** What was sealed; undefined when it is not sealed, under no key known here, about something else, or changed. */
  open(sealed: Uint8Array, about: string): Buffer | undefined
  /** Whether these bytes say that they were sealed under a key that is known here: if they do not open, they are harmed. */
  knows(sealed: Uint8Array): boolean
}

export interface SealKey {
  /** Written into all that is sealed under the key, in the clear: 1 to 32 letters, digits, `-`, `_` and `.`. */
  readonly id: string
  /** 32 random bytes. */
  readonly key: Uint8Array
}

// Layout: 'R' '2' 0 length of the key's id | fingerprint of the key, 4 bytes | nonce, 12 bytes | the key's id | what is
// sealed, as long as it was | tag, 16 bytes.
// The nonce is within the first 20 bytes, by which an entry that was opened before is known again without opening it.
// What stands before it need not be authenticated with the rest: it has to be, byte for byte, what the key says it is.
const magic = [0x52, 0x32]
const nonceStart = 8
const nonceBytes = 12
const idStart = nonceStart + nonceBytes
const tagBytes = 16
const keyBytes = 32
const cipher = 'aes-256-gcm'

/**
 * Seals with AES-256-GCM under the first key, and opens what was sealed under any of them: a new key is put in front,
 * and the old one stays until what it sealed has expired. What is sealed about one thing does not open as about another.
 *
 * Nonces are 96 random bits. NIST SP 800-38D (8.3) allows 2^32 seals under one key then, among all processes that have
 * it; beyond that two of them may share a nonce with a probability above 2^-32, and whoever finds such two can read what
 * they differ in and forge others. An answer takes one seal, and one more if it is found by its meaning: at 100 seals a
 * second a key lasts 16 months, at 1,000 a second 7 weeks.
 *
 * @throws RepriseError `invalid-option`, which never repeats a key
 */
export function createSeal(keys: readonly SealKey[]): Seal {
  const known = keys.map(readKey)
  const [first] = known
  if (first === undefined) throw invalid('expected at least one key, got none; `openssl rand -base64 32` makes one')
  const twice = keys.find(({ id }, index) => keys.some((other, at) => at > index && other.id === id))
  if (twice !== undefined) throw invalid(`expected each id once, got ${twice.id} twice; a new key needs a new id`)

  function keyOf(sealed: Uint8Array): Known | undefined {
    for (const one of known) {
      if (sealed.length < idStart + one.id.length + tagBytes) continue
      if (isAt(sealed, 0, one.begin) && isAt(sealed, idStart, one.id)) return one
    }
    return undefined
  }

  return {
    seal(bytes, about) {
      const { begin, id, key } = first
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(about))
      const hidden = sealing.update(bytes)
      sealing.final()
      return Buffer.concat([begin, nonce, id, hidden, sealing.getAuthTag()])
    },
    open(sealed, about) {
      const under = keyOf(sealed)
      if (under === undefined) return undefined
      const end = sealed.length - tagBytes
      try {
        const opening = createDecipheriv(cipher, under.key, sealed.subarray(nonceStart, idStart), {
          authTagLength: tagBytes
        })
        opening.setAAD(Buffer.from(about)).setAuthTag(sealed.subarray(end))
        const bytes = opening.update(sealed.subarray(idStart + under.id.length, end))
        // Throws when the tag is not that of these bytes: nothing of them may be used before.
        opening.final()
        return bytes
      } catch {
        return undefined
      }
    },
    knows: (sealed) => keyOf(sealed) !== undefined
  }
}

/** A seal for one namespace: what is sealed in it does not open in another. */
export function sealWithin(seal: Seal, namespace: string): Seal {
  return {
    seal: (bytes, about) => seal.seal(bytes, namespace + about),
    open: (sealed, about) => seal.open(sealed, namespace + about),
    knows: seal.knows
  }
}

/** Whether bytes look as if they were sealed, under whatever key. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= idStart + tagBytes && bytes[0] === magic[0] && bytes[1] === magic[1]
}

/**
 * Reads keys as they are configured: `id:key`, several with commas between them, the key that seals first. A key is 32
 * bytes in base64 or hexadecimal. Without an id, the id is the first 8 hexadecimal digits of the key's SHA-256.
 * @throws RepriseError `invalid-option`, which never repeats a key
 */
export function parseSealKeys(text: string): readonly SealKey[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.map((part, index) => {
    const colon = part.indexOf(':')
    const written = part.slice(colon + 1).trim()
    const key = bytesOf(written)
    if (key === undefined) {
      const which = parts.length === 1 ? '' : `key ${index + 1} of ${parts.length}: `
      const got = written === '' ? 'nothing' : `${written.length} characters that are neither`
      throw invalid(
        `${which}expected 32 bytes as 44 characters of base64 or 64 hexadecimal digits, got ${got}; ` +
          '`openssl rand -base64 32` makes one'
      )
    }
    const id = colon === -1 ? createHash('sha256').update(key).digest('hex').slice(0, 8) : part.slice(0, colon).trim()
    return { id, key }
  })
}

interface Known {
  /** The 8 bytes that everything sealed under it begins with. */
  readonly begin: Buffer
  readonly id: Buffer
  readonly key: KeyObject
}

function readKey({ id, key }: SealKey): Known {
  if (!/^[\w.-]{1,32}$/.test(id)) {
    // It is not shown: whoever has mixed the two up has put the key there.
    throw invalid(
      `expected an id of 1 to 32 letters, digits, '-', '_' or '.', got ${id.length} characters that are not; a key is ` +
        'written id:key'
    )
  }
  if (key.length !== keyBytes) {
    throw invalid(
      `expected a key of 32 bytes, got ${key.length} under the id ${id}; \`openssl rand -base64 32\` makes one`
    )
  }
  const fingerprint = createHmac('sha256', key).update('reprise seal').digest().subarray(0, 4)
  return {
    begin: Buffer.concat([Buffer.from([...magic, 0, id.length]), fingerprint]),
    id: Buffer.from(id),
    key: createSecretKey(key)
  }
}

const base64 = /^[\w+/-]{42}[AEIMQUYcgkosw048]=?$/
const hexadecimal = /^[0-9a-f]{64}$/i

function bytesOf(written: string): Buffer | undefined {
  if (hexadecimal.test(written)) return Buffer.from(written, 'hex')
  return base64.test(written) ? Buffer.from(written, 'base64') : undefined
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false
  return true
}

function invalid(message: string): RepriseError {
  return new RepriseError('invalid-option', `encryption keys: ${message}`)
}
