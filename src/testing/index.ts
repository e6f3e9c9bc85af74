export { embedderContract } from './embedder-contract.ts'
export {
  type BatchLine,
  type BatchOptions,
  type Call,
  type Delay,
  type Embed,
  type EndpointName,
  type Fault,
  type Options,
  type Question,
  type Reply,
  type SimulatedProvider,
  simulatedProvider
} from './simulated-provider.ts'
export { storeContract } from './store-contract.ts'
export { vectorIndexContract } from './vector-index-contract.ts'
