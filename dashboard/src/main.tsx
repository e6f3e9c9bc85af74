import { render } from 'preact'
import { App } from './app.tsx'
import './css/base.css'
import './css/layout.css'
import './css/parts.css'
import './css/forms.css'
import './css/lists.css'
import './css/dialogs.css'
import './css/tables.css'
import './css/chart.css'
import { takeTokenFromAddress } from './token.ts'

takeTokenFromAddress()
const root = document.getElementById('dashboard')
if (root !== null) render(<App />, root)
