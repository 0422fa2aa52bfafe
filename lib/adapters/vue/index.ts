export { useChannel, type ChannelRefs } from './channelRefs.js';
export { useConnection, useMessages, usePending, usePresence, useReceipt, useRequest, type RequestRefs } from './wireComposables.js';
export { createWirePlugin, useWire } from './wirePlugin.js';
export type { ChannelActions, ChannelViewOptions } from '../../operators/channels/channelView.js';
export type { RequestRunner, RequestState } from '../../operators/requests/requestRunner.js';
