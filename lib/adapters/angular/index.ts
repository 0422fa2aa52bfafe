export { injectChannel, type ChannelSignals, type InjectChannelOptions } from './injectChannel.js';
export { injectConnection } from './injectConnection.js';
export { injectMessages } from './injectMessages.js';
export { injectPending } from './injectPending.js';
export { injectReceipt } from './injectReceipt.js';
export { injectRequest, type InjectRequestOptions, type RequestSignals } from './injectRequest.js';
export { injectWire, provideWire, WIRE, type ProvideWireOptions } from './provideWire.js';
export type { ChannelActions, ChannelViewOptions } from '../../operators/channels/channelView.js';
export type { RequestRunner, RequestState } from '../../operators/requests/requestRunner.js';
