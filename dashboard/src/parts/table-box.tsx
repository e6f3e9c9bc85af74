import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface TableBoxProps {
  readonly title: string
  readonly children: ComponentChildren
}

/** A table that may be wider than its place: then it scrolls within it, by keyboard too. */
export function TableBox({ title, children }: TableBoxProps) {
  const box = useRef<HTMLElement>(null)
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const watch = new ResizeObserver(() => {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0
      else element.removeAttribute('tabindex')
    })
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  return (
    <section ref={box} class="table-box" aria-label={title}>
      {children}
    </section>
  )
}
