import { z } from 'zod'
import { numeric, onOff } from './schemas.ts'
import type { Setting } from './setting.ts'

/** Settings of what concerns those who look after a gateway. */
export const operationSettings = {
  'admin-token': {
    schema: z.string().min(1),
    value: 'TOKEN',
    about:
      'what those must show who look after the gateway: invalidate, warm, switch, explain, read entries and budgets',
    default: 'made, and kept in the cache folder',
    secret: true
  },
  'admin-port': {
    schema: numeric(z.number().int().min(0).max(65_535)),
    value: 'PORT',
    about: 'where all of that is, and metrics and dashboard, apart from the callers of models',
    default: 'the same as port'
  },
  'admin-host': {
    schema: z.string().min(1),
    value: 'HOST',
    about: 'the address to listen on for it; with admin-port only',
    default: 'the same as host'
  },
  'encryption-keys': {
    schema: z.string().min(1),
    value: 'ID:BASE64,...',
    about: 'encrypt entries at rest, by the first of these keys of 32 bytes; all of them decrypt',
    default: 'none: entries are stored as they are',
    secret: true
  },
  'remember-requests': {
    schema: onOff,
    value: 'on|off',
    about: 'keep requests beside their answers for a week, so that reprise warm --popular can ask them anew',
    default: 'off'
  },
  'metrics-prefix': {
    schema: z.string().regex(/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/, 'expected letters, digits, _ and :'),
    value: 'TEXT',
    about: "what Prometheus metrics' names begin with",
    default: 'reprise_'
  },
  log: {
    schema: z.enum(['text', 'json', 'off']),
    value: 'text|json|off',
    about: 'text: what operators must know, on stderr; json: that and each request, a line each, on stdout',
    default: 'text'
  },
  'log-level': {
    schema: z.enum(['debug', 'info', 'warn', 'error']),
    value: 'LEVEL',
    about: 'the least that a JSON log tells: debug, info, warn or error',
    default: 'info'
  },
  'log-texts': {
    schema: onOff,
    value: 'on|off',
    about: "whether a JSON log has callers' words",
    default: 'off'
  },
  telemetry: {
    schema: onOff,
    value: 'on|off',
    about: 'traces and metrics by OpenTelemetry, through the SDK that the process was started with',
    default: 'off'
  }
} as const satisfies Record<string, Setting>
