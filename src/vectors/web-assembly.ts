/** The little of WebAssembly that is used here, for the types of Node.js do not say what it is. */
interface WebAssembly {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => WebAssemblyMemory
  readonly Module: new (bytes: Uint8Array) => WebAssemblyModule
  readonly Instance: new (
    module: WebAssemblyModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  ) => { readonly exports: Readonly<Record<string, unknown>> }
}

export interface WebAssemblyMemory {
  /** Another one each time that the memory has grown. */
  readonly buffer: ArrayBuffer
  /** Adds pages of 64 KB. Throws when there are no more. */
  grow(pages: number): number
}

export type WebAssemblyModule = object

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssembly }).WebAssembly
