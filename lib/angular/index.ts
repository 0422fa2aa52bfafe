export { injectChannel, type ChannelSignals, type InjectChannelOptions } from './injectChannel.js';
export { injectConnection } from './injectConnection.js';
export { injectMessages } from './injectMessages.js';
export { injectPending } from './injectPending.js';
export { injectReceipt } from './injectReceipt.js';
export { injectWire, provideWire, WIRE, type ProvideWireOptions } from './provideWire.js';
