export * from './errors/applicationErrors.js';
export * from './errors/connectionErrors.js';
export { DrainTimeoutError, UndeliveredError, type UndeliveredMessages } from './errors/messageErrors.js';
export * from './errors/messageErrors.js';
export { RxwireError, type ErrorCode } from './errors/rxwireError.js';
