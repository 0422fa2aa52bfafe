export { useChannel, type ChannelView } from './useChannel.js';
export { useConnection, useMessages, usePending, usePresence, useReceipt, useRequest, type RequestView } from './wireHooks.js';
export { useWire, WireProvider, type WireProviderProps } from './wireProvider.js';
export type { ChannelActions, ChannelViewOptions } from '../../operators/channels/channelView.js';
export type { RequestRunner, RequestState } from '../../operators/requests/requestRunner.js';
