export type { AdmissionOptions } from './accept/admission.js';
export { hub, type Hub } from '../app/hub/hub.js';
export type { Authorization, Authorize, ChannelRequest, HubOptions } from '../app/hub/hubOptions.js';
export { memoryChannelLog, type MemoryChannelLogOptions } from '../app/hub/memoryChannelLog.js';
export type { Transport } from './http/servedHttpLink.js';
export { listen, type ListenOptions } from './listen.js';
export type { Authenticate, Credentials, Principal, ServerWire } from './principal.js';
export type { RateLimit } from './limits/rateLimit.js';
export { serve, type ServedLink, type ServeOptions } from './serve.js';
