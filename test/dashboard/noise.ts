/** Looks random, and is the same in each run. */
export function noise(seed: number): number {
  const wave = Math.sin(seed * 127.1) * 43_758.5453
  return wave - Math.floor(wave)
}
