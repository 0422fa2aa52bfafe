export { linkFaults, type LinkCondition, type LinkFaults, type LinkFaultsOptions } from './linkFaults.js';
export { collectMarbles, marble, recordMarble, runMarble } from './marble.js';
export type * from './marbleSpec.js';
export { renderMarbles } from './svg.js';
export {
  testWire,
  type TestPrincipal,
  type TestServer,
  type TestServerOptions,
  type TestServerWire,
  type TestWire,
  type TestWireOptions,
} from './testWire.js';
export {
  simulate,
  SimulationError,
  type SimulationChecks,
  type SimulationOptions,
  type SimulationReport,
  type SimulationStory,
} from './simulate.js';
export type { SimulationEvent, SimulationFaults, SimulationWorld } from './simulationWorld.js';
