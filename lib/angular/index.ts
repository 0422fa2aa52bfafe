export { injectConnection } from './injectConnection.js';
export { injectMessages } from './injectMessages.js';
export { injectWire, provideWire, WIRE, type ProvideWireOptions } from './provideWire.js';
