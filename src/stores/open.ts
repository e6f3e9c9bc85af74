// Placeholder until the real one is written: replace this whole file.
import { memoryStore } from './memory.ts'
import type { Store } from './store.ts'
export interface OpenStoreOptions { readonly maxBytes?: number; readonly prefix?: string; readonly password?: string; readonly ca?: string }
export async function openStore(_spec: string, _options: OpenStoreOptions): Promise<Store> { return memoryStore({}) }
export function describeStore(spec: string): string { return spec }
