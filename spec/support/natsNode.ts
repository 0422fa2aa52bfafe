import { createNodeContext, type NodeContext, type NodeSettings } from '../../lib/nats/nodeContext.js';
import { steadyScheduler } from '../../lib/internal/steadyScheduler.js';
import type { NatsConnection } from '../../lib/nats/index.js';

/** The parts of a node of a cluster whose errors are kept. */
export function natsNode(connection: NatsConnection, settings: Partial<NodeSettings> = {}): NodeContext & { readonly reported: unknown[] } {
  const reported: unknown[] = [];
  const defaults = { name: 'rx', node: 'a', replicas: 1, storage: 'file', timeout: 15_000, scheduler: steadyScheduler() } as const;
  return { ...createNodeContext({ connection, ...defaults, report: (error) => void reported.push(error), ...settings }), reported };
}
