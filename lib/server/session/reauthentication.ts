import { EMPTY, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Connection } from '../../session/connection.js';
import { controlFrame } from '../../session/protocol/frames.js';
import type { Wait } from '../../session/serialTask.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { expiryOf, goodbyeOf } from '../accept/authentication.js';
import { createBucket, type Bucket } from '../limits/rateLimit.js';

/** Fresh tokens that a client may show, as each is work for whoever is asked who that is: so many in a second, and so many at once. */
const PER_SECOND = 10;
const AT_ONCE = 100;

/** Takes fresh tokens, one at a time, and tells how long they are good for. Who shows a bad one is closed as at its hello. */
/** Takes the fresh tokens of a client. */
export interface Reauthentication {
  /** @throws {RxwireError} When the client shows too many tokens. */
  readonly renew: (token: string, connection: Connection) => void;
  readonly isIdle: () => boolean;
}

export function createReauthentication(attachment: () => IncomingConnection, wait: Wait, scheduler: SchedulerLike): Reauthentication {
  let asking: Connection | undefined;
  let bucket: Bucket | undefined;

  const renew = (token: string, connection: Connection): void => {
    if (asking === connection) throw new ProtocolError('an auth while another is looked into');
    bucket ??= createBucket(PER_SECOND, AT_ONCE, scheduler);
    if (bucket.take(1) === 0) throw new ConnectionLostError(CloseCode.FLOOD, 'too many fresh tokens');
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
