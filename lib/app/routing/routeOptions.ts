import type { Message } from '../../message/types.js';
import type { ConsumeOptions } from '../../session/consume/consumeOptions.js';

export interface RouterOptions extends Pick<ConsumeOptions<Message, unknown, unknown>, 'retry' | 'onError' | 'deadLetter' | 'scheduler'> {
  /**
   * The maximum number of running handlers. Above it, a message becomes a dead letter with an
   * `OverflowError`. The `window` of a session is smaller; this limit is for other streams.
   * @default 10_000
   */
  readonly maxRunning?: number;
  /**
   * The text that patterns are matched against: the type of a message, or its
   * `metadata.routingKey`. A message without a routing key is matched by its type.
   * @default 'type'
   */
  readonly by?: RouteBy;
}

/** The text of a message that patterns are matched against. */
export type RouteBy = 'type' | 'routingKey';

/** A handler that has finally failed, with its pattern. */
export interface DeadRoute {
  readonly message: Message;
  /** The pattern of the handler. */
  readonly pattern: string | RegExp;
  /** The number of calls. */
  readonly attempts: number;
  /** The error of the last attempt; an `OverflowError` if the handler was not called. */
  readonly error: unknown;
}
