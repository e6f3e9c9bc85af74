import { createInterface } from 'node:readline'
import { messageOf } from '../../src/core/errors.ts'
import type { SwitchName } from '../../src/core/switch-names.ts'
import { Switches } from '../../src/layers/switches.ts'
import { openStore } from '../../src/stores/open.ts'

/**
 * A process of its own with the switches of the store that is its argument. Prints `started NAME,...` (those that are
 * off), `switched NAME on|off`, `set`, and `failed REASON`; is told `set NAME on|off` and `close`, line by line.
 */
async function main(): Promise<void> {
  const store = await openStore(process.argv[2] ?? '')
  const switches = new Switches(store, {
    observe: (event) => {
      if (event.type === 'switched') console.log(`switched ${event.layer} ${event.on ? 'on' : 'off'}`)
    }
  })
  await switches.start()
  const off = Object.entries(switches.states()).filter(([, { on }]) => !on)
  console.log(`started ${off.map(([name]) => name).join(',')}`)
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, name = '', word] = line.split(' ')
    if (command === 'close') break
    await switches.set(name as SwitchName, word === 'on').then(
      () => console.log('set'),
      (error: unknown) => console.log(`failed ${messageOf(error)}`)
    )
  }
  switches.close()
  await store.close()
}

await main()
