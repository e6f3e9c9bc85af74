import { join } from 'node:path'
import { defineConfig } from 'vite'

/** Static files with relative addresses, for a gateway that may live below any prefix. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, '../dist/dashboard'),
    emptyOutDir: true,
    // What has light-dark(), <dialog> and nested rules.
    target: ['chrome123', 'firefox128', 'safari17.5'],
    // Nothing that a strict content security policy would refuse: no data: styles, no script of Vite's own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false }
  }
})
