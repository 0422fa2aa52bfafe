export { natsChannelLog } from './natsChannelLog.js';
export type { NatsChannelLogOptions, NatsConnection } from './natsOptions.js';
