export { type SimulatedProvider, simulatedProvider } from './simulated-provider.ts'
export { storeContract } from './store-contract.ts'
