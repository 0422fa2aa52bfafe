export * from './errors/channelErrors.js';
export * from './errors/connectionErrors.js';
export * from './errors/messageErrors.js';
export * from './errors/requestErrors.js';
export * from './errors/poolErrors.js';
export * from './errors/rxwireError.js';
