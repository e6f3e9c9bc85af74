import { startGateway } from 'reprise/gateway'

const [openaiUrl = '', store = 'memory:'] = process.argv.slice(2)
const gateway = await startGateway({ port: 0, openaiUrl: `${openaiUrl}/v1`, store })
process.send?.(Number(new URL(gateway.url).port))
