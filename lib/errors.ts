export * from './errors/channels.js';
export * from './errors/connection.js';
export * from './errors/messages.js';
export * from './errors/requests.js';
export * from './errors/pool.js';
export * from './errors/rxwireError.js';
