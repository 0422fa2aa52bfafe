import { noop } from 'rxjs';
import type { Connection } from '../../session/connection.js';
import type { Endpoint } from '../../session/endpoint.js';
import { controlFrame } from '../../session/frames.js';
import type { Drained } from '../draining.js';

/** What is said to a client when the server stops. Its answer comes behind all that it has sent. */
export interface Farewell extends Drained {
  /** This is the connection from now on. */
  over(connection: Connection): void;
  /** Whether it was said. */
  readonly isSaid: () => boolean;
  /** Whether the client is here, and both know of each other. */
  readonly isHere: () => boolean;
  /** The client has answered; false, when nothing was said. */
  answer(): boolean;
}

/** @param onBye Called when it is said. */
export function createFarewell(endpoint: Endpoint, onBye = noop): Farewell {
  let current: Connection | undefined;
  let isSaid = false;
  let isAnswered = false;
  const isHere = (): boolean => current !== undefined && current.isAgreed && endpoint.isCurrent(current);

  return {
    over: (connection) => void (current = connection),
    isSaid: () => isSaid,
    isHere,
    answer: () => (isAnswered = isSaid),
    bye(retryAfter) {
      isSaid = true;
      if (isHere()) current?.send(controlFrame('bye', retryAfter));
      onBye();
    },
    isIdle() {
      const { receiver } = endpoint.incoming;
      return !isHere() || (isAnswered && endpoint.outgoing.ledger.size === 0 && receiver.rx === receiver.progress.done);
    },
  };
}
