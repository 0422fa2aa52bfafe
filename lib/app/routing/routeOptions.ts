import type { Message } from '../../message/types.js';
import type { ConsumeOptions } from '../../session/consume/consumeOptions.js';

export interface RouterOptions extends Pick<ConsumeOptions<Message, unknown, unknown>, 'retry' | 'deadLetter' | 'scheduler'> {
  /**
   * Handlers that may be at work at once: for one more, the message is dead, with an `OverflowError`. What a session acks is bounded by its
   * `window`, which is smaller; this is for other streams. @default 10_000
   */
  readonly maxRunning?: number;
}

/** A handler that has failed for good. */
export interface DeadRoute {
  readonly message: Message;
  /** The pattern that the handler was added with. */
  readonly pattern: string | RegExp;
  /** How often the handler was called. */
  readonly attempts: number;
  /** What the last attempt failed with; an `OverflowError`, if there was none. */
  readonly error: unknown;
}
