export { storeContract } from './store-contract.ts'
export { type SimulatedProvider, simulatedProvider } from './simulated-provider.ts'
