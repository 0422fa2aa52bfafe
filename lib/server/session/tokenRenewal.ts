import type { SchedulerLike, Unsubscribable } from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';
import { expiryOf, goodbyeOf } from '../accept/authentication.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createBucket, type Bucket } from '../limits/rateLimit.js';

/**
 * The limits of fresh tokens that a client may send, per second and at once: each token is work for
 * `authenticate`.
 */
const PER_SECOND = 10;
const AT_ONCE = 100;

export interface TokenUser {
  /** The token of the latest connection is valid for so many ms; undefined: it does not expire. */
  renewed(expires: number | undefined): void;
  /** Ends the latest connection. */
  refused(error: ConnectionLostError): void;
}

/** Authenticates the fresh tokens of a client. The core sees to it that there is one at a time. */
export class TokenRenewal {
  readonly #user: TokenUser;
  readonly #bucket: Bucket;
  readonly #scheduler: SchedulerLike;
  #checking: Unsubscribable | undefined;

  constructor(user: TokenUser, scheduler: SchedulerLike) {
    this.#user = user;
    this.#bucket = createBucket(PER_SECOND, AT_ONCE, scheduler);
    this.#scheduler = scheduler;
  }

  /** Takes the token that a connection has sent. */
  check(token: string, connection: IncomingConnection): void {
    if (this.#bucket.take(1) === 0) {
      this.#user.refused(new ConnectionLostError(CloseCode.FLOOD, 'the client sent too many fresh tokens'));
      return;
    }
    this.#checking = connection.renew(
      token,
      () => this.#user.renewed(expiryOf(connection.principal, this.#scheduler)),
      (error) => this.#user.refused(new ConnectionLostError(...goodbyeOf(error))),
    );
  }
  /** The connection has ended. */
  clear(): void {
    this.#checking?.unsubscribe();
    this.#checking = undefined;
  }
}
