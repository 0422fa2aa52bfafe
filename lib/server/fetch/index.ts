export type { BunServer, BunSocket, BunWebSocketHandler } from './bunSockets.js';
export { fetchHandler, type FetchHandler, type FetchHandlerOptions } from './fetchHandler.js';
export type { HibernationHandlers, HibernationState } from './hibernation.js';
export { hub, type Hub } from '../hub/hub.js';
export type { Authorization, Authorize, ChannelRequest, HubOptions } from '../hub/hubOptions.js';
export { memoryChannelLog, type MemoryChannelLogOptions } from '../hub/memoryChannelLog.js';
export type { Authenticate, Credentials, Principal, ServerWire } from '../principal.js';
