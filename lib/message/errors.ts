export * from './errors/applicationErrors.js';
export * from './errors/connectionErrors.js';
export { DrainTimeoutError, UndeliveredError, type UndeliveredMessages } from './errors/undeliveredErrors.js';
export * from './errors/messageErrors.js';
export type { ErrorCode } from './errors/errorCode.js';
export { RxwireError } from './errors/rxwireError.js';
export { StoreError, type StoreFault } from './errors/storeError.js';
