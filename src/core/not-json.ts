/**
 * What in a value would not survive being written as JSON and read again, with the place it stands at
 * (`documents[0].vector is a Float32Array`); undefined when the value is JSON. A field that is undefined is no field.
 */
export function notJson(value: unknown, place: string): string | undefined {
  try {
    return find(value, place)
  } catch (error) {
    if (error instanceof RangeError) return `${place} is nested too deep, or contains itself`
    throw error
  }
}

function find(value: unknown, place: string): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${place} is ${value}`
  if (typeof value !== 'object') return value === undefined ? `${place} is undefined` : `${place} is a ${typeof value}`
  if (Array.isArray(value)) {
    // By index, because a hole is a value that is not there, and JSON has none.
    for (let index = 0; index < value.length; index++) {
      const found = find(value[index], `${place}[${index}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (!isPlain(value)) return `${place} is a ${value.constructor?.name || 'class instance'}`
  for (const [field, inner] of Object.entries(value)) {
    const found = inner === undefined ? undefined : find(inner, `${place}.${field}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether an object is of no class: one that is comes back without its methods, and perhaps without what it holds. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  // Not compared with this realm's `Object.prototype`: a worker or a test runner may have objects of another.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
