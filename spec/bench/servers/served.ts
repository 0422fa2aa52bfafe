import { createMessage, type Message } from '../../../lib/index.js';

/** What a server tells of itself. */
export interface Served {
  connections(): number;
  /** Messages that were given up. */
  dropped?(): number;
  /** Sends to all. */
  publish?(): void;
}

export interface PublishOptions {
  /** Messages that are published at once. */
  readonly burst: number;
}

/** What the servers publish. */
export const item = (): Message => createMessage('bench.item', 'x'.repeat(100));

/** All clients of a benchmark have one address, and connect at once. */
export const unlimited = { connectionRate: false } as const;
