import type { SchedulerLike } from 'rxjs';
import { anything, type OptionTable } from '../../message/options/readOptions.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';

/** The messages that a server sends by itself. */
export interface SystemMessagesOptions {
  /**
   * Whether the server answers a `system.ping` with a `system.pong`, which has the payload of the
   * ping, and its id as the `correlationId`. The pong of an at-most-once ping is at-most-once.
   * The server does not answer an encrypted ping.
   * @default true
   */
  readonly pong?: boolean;
  /**
   * Whether the server sends a `system.shutdown` to each connected client when it stops.
   * @default
   * true
   */
  readonly shutdown?: boolean;
}

export const SYSTEM_OPTIONS = { pong: [anything, true], shutdown: [anything, true] } as const satisfies OptionTable<SystemMessagesOptions>;

/** @throws {TypeError} When an option is not a boolean. */
export function checkSystemMessages(owner: string, options: SystemMessagesOptions): void {
  const { pong, shutdown } = options;
  for (const [name, value] of Object.entries<unknown>({ pong, shutdown })) {
    if (value !== undefined && typeof value !== 'boolean')
      throw new TypeError(`${owner}: "system.${name}" must be true or false, got ${value as string}`);
  }
}

/**
 * Returns the pong for a message. Returns undefined for a message that is not a ping, and for a
 * ping whose payload the server cannot read because it is encrypted.
 */
export function pongFor({ type, id, payload, metadata }: Message, scheduler: SchedulerLike): Message | undefined {
  if (type !== 'system.ping' || metadata?.encrypted) return undefined;
  return createMessage<string, unknown>('system.pong', payload, { correlationId: id, scheduler });
}

/**
 * Creates the message that tells all clients that the server stops. It needs no ack, so that no
 * client delays the end. It is frozen, so that the server encodes it once for all clients.
 *
 * @param retryAfter How long the clients wait before they reconnect, at least, in ms.
 */
export function shutdownMessage(retryAfter: number, scheduler: SchedulerLike): Message {
  const payload = Object.freeze({ status: 'stopping', timestamp: wallTime(scheduler), metadata: Object.freeze({ retryAfter }) });
  return Object.freeze(createMessage('system.shutdown', payload, { delivery: 'at-most-once', scheduler }));
}
