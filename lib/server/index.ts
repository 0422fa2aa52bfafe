export type { AdmissionOptions } from './admission.js';
export { listen, type ListenOptions } from './listen.js';
export type { Authenticate, Credentials, Principal, ServerWire } from './principal.js';
export { serve, type ServedLink, type ServeOptions } from './serve.js';
