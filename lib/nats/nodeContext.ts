import type { SchedulerLike } from 'rxjs';
import type { RxwireError } from '../errors.js';
import { createConnectionStatus, type ConnectionStatus } from './connectionStatus.js';
import type { NatsConnection } from './natsOptions.js';

/** The connection and settings that all parts of a cluster's node share. */
export interface NodeContext {
  readonly connection: NatsConnection;
  readonly status: ConnectionStatus;
  /** The name of the cluster: its streams and subjects begin with it. */
  readonly name: string;
  /** Names this node among those of the cluster. */
  readonly node: string;
  /** The number of copies that NATS keeps of each message. */
  readonly replicas: number;
  readonly storage: 'file' | 'memory';
  /** The timeout of a write or a read, in ms. */
  readonly timeout: number;
  readonly scheduler: SchedulerLike;
  /** Calls `onError` of the user, which may throw. */
  readonly report: (error: RxwireError) => void;
}

export type NodeSettings = Omit<NodeContext, 'status'>;

export function createNodeContext(settings: NodeSettings): NodeContext {
  return { ...settings, status: createConnectionStatus(settings.connection) };
}
