export * from './errors/callbackError.js';
export * from './errors/channelErrors.js';
export * from './errors/connectionErrors.js';
export { DrainTimeoutError, UndeliveredError, type UndeliveredMessages } from './errors/deliveryErrors.js';
export * from './errors/messageErrors.js';
export * from './errors/requestErrors.js';
export * from './errors/poolErrors.js';
export { RxwireError, type ErrorCode } from './errors/rxwireError.js';
export * from './errors/streamErrors.js';
