/** Which keys bear a name: a tag, or a partition. A name that no key bears takes no room. */
export class KeysByName {
  readonly #keys = new Map<string, Set<string>>()

  add(name: string, key: string): void {
    const keys = this.#keys.get(name)
    if (keys === undefined) this.#keys.set(name, new Set([key]))
    else keys.add(key)
  }

  remove(name: string, key: string): void {
    const keys = this.#keys.get(name)
    keys?.delete(key)
    if (keys?.size === 0) this.#keys.delete(name)
  }

  /** As they are now. */
  of(name: string): readonly string[] {
    return [...(this.#keys.get(name) ?? [])]
  }

  /** In the order in which they got the name; they may come and go while they are gone through. */
  each(name: string): Iterable<string> {
    return this.#keys.get(name) ?? []
  }
}
