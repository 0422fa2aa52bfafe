export * from './errors/applicationErrors.js';
export * from './errors/connectionErrors.js';
export { DrainTimeoutError, UndeliveredError, type UndeliveredMessages } from './errors/deliveryErrors.js';
export * from './errors/messageErrors.js';
export { RxwireError, type ErrorCode } from './errors/rxwireError.js';
