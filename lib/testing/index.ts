export { linkFaults, type LinkCondition, type LinkFaults, type LinkFaultsOptions } from './linkFaults.js';
export { collectMarbles, marble, runMarble } from './marble.js';
export type {
  MarbleConnection,
  MarbleContext,
  MarbleDiagram,
  MarbleEvent,
  MarbleLine,
  MarblePipeline,
  MarbleRecording,
  MarbleSpec,
  MarbleStrings,
  MarbleValue,
  MarbleValues,
  MarbleWindow,
} from './marbleSpec.js';
export { renderMarbles } from './svg.js';
export { testWire, type TestServer, type TestWire, type TestWireOptions } from './testWire.js';
