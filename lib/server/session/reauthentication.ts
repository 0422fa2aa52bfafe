import { EMPTY, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Connection } from '../../session/connection.js';
import { controlFrame } from '../../session/protocol/frames.js';
import type { Wait } from '../../session/serialTask.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { expiryOf, goodbyeOf } from '../accept/authentication.js';
import { createBucket, type Bucket } from '../limits/rateLimit.js';

/**
 * The limits of fresh tokens that a client may send, per second and at once: each token is work for
 * `authenticate`.
 */
const PER_SECOND = 10;
const AT_ONCE = 100;

/**
 * Authenticates the fresh tokens of a client, one at a time. Answers with their lifetime, or closes
 * the connection as for a rejected hello.
 */
export interface Reauthentication {
  /**
   * @throws {RxwireError} When the client sends too many tokens, or sends one while another is
   *   checked.
   */
  readonly renew: (token: string, connection: Connection) => void;
  readonly isIdle: () => boolean;
}

export function createReauthentication(attachment: () => IncomingConnection, wait: Wait, scheduler: SchedulerLike): Reauthentication {
  let asking: Connection | undefined;
  let bucket: Bucket | undefined;

  const renew = (token: string, connection: Connection): void => {
    if (asking === connection) throw new ProtocolError('unexpected auth frame: the server still checks another token');
    bucket ??= createBucket(PER_SECOND, AT_ONCE, scheduler);
    if (bucket.take(1) === 0) throw new ConnectionLostError(CloseCode.FLOOD, 'the client sent too many fresh tokens');
    asking = connection;
    const arrived = attachment();
    const settle = (end: () => void): void => {
      if (asking === connection) asking = undefined;
      end();
    };
    const welcome = (): void => connection.send(controlFrame('auth', expiryOf(arrived.principal, scheduler) ?? 0));
    const refuse = (error: unknown): void => connection.fail(new ConnectionLostError(...goodbyeOf(error)));
    wait(
      () => arrived.renew?.(token) ?? EMPTY,
      () => settle(welcome),
      (error) => settle(() => refuse(error)),
    );
  };
  return { renew, isIdle: (): boolean => asking === undefined };
}
