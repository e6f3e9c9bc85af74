export { createLog, type LogOptions } from '../metrics/log.ts'
export { type Gateway, type GatewayOptions, startGateway } from './gateway.ts'
