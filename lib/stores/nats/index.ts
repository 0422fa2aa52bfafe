export { natsChannelLog } from './natsChannelLog.js';
export { natsCluster, type NatsCluster, type NatsClusterOptions } from './natsCluster.js';
export type { ClusterNode, ClusterState } from './clusterNodes.js';
export type { NatsConnection } from './natsContext.js';
export type { NatsChannelLogOptions } from './logContext.js';
export type { ServerStoresLimits } from '../log/serverStores.js';
export type { NatsOptions } from './natsContext.js';
