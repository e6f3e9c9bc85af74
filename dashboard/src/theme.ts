import { useEffect, useState } from 'preact/hooks'

export type Theme = 'light' | 'dark'

const name = 'reprise-theme'
const wantsDark = matchMedia('(prefers-color-scheme: dark)')

function chosen(): Theme | undefined {
  const said = localStorage.getItem(name)
  return said === 'light' || said === 'dark' ? said : undefined
}

function ofSystem(): Theme {
  return wantsDark.matches ? 'dark' : 'light'
}

/** The system's theme, until the reader chooses the other one; choosing the system's own follows it again. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => chosen() ?? ofSystem())
  useEffect(() => {
    const follow = () => setTheme(chosen() ?? ofSystem())
    wantsDark.addEventListener('change', follow)
    return () => wantsDark.removeEventListener('change', follow)
  }, [])
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
  }, [theme])
  const toggle = () => {
    const next = theme === 'dark' ? 'light' : 'dark'
    if (next === ofSystem()) localStorage.removeItem(name)
    else localStorage.setItem(name, next)
    setTheme(next)
  }
  return [theme, toggle]
}
