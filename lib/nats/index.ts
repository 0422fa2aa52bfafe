export { natsChannelLog } from './natsChannelLog.js';
export { natsCluster, type NatsCluster, type NatsClusterOptions } from './natsCluster.js';
export type { ClusterNode, ClusterState } from './clusterNodes.js';
export type { NatsChannelLogOptions, NatsConnection } from './natsOptions.js';
