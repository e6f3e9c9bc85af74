/** Whether `bytes` begin with all of `beginning`. */
export function beginsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.length <= bytes.length && Buffer.compare(bytes.subarray(0, beginning.length), beginning) === 0
}
