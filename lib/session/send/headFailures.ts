import { MessageRefusedError, type ConnectionLostError } from '../../errors.js';
import type { Batch, InFlight } from './inFlight.js';
import type { PendingMessages } from './pendingMessages.js';

/**
 * How often the other side closes the connection when it receives a message, before the message is
 * given up.
 */
const MAX_FAILURES = 3;
/**
 * How many messages are given up so while none is acked: a server that refuses everything must not
 * empty an outbox.
 */
const MAX_GIVEN_UP = 3;

/** Finds the message for which the other side closes the connection each time. */
export interface HeadFailures {
  /**
   * Takes the error of a connection that the other side has closed because of a frame. From then
   * on, each batch waits for the ack of the one before it. A message that fails alone and
   * repeatedly is given up. Returns whether to connect again.
   */
  readonly blame: (error: ConnectionLostError) => boolean;
  /** Returns whether each message of a batch must have a frame of its own. */
  readonly mustSplit: (batch: Batch) => boolean;
}

export function createHeadFailures({
  inFlight,
  pending,
}: {
  readonly inFlight: InFlight;
  readonly pending: PendingMessages;
}): HeadFailures {
  /** The id of the first message; undefined for numbers that are skipped. */
  let suspect: string | undefined;
  let failures = 0;
  let givenUp = 0;
  /** The value of `inFlight.settled` when the last message was given up. */
  let settled = 0;

  return {
    blame({ closeCode, reason }) {
      const head = inFlight.head();
      // Nothing was sent that may be sent again.
      if (!head) return false;
      const unacked = head.messages.slice(Math.max(0, inFlight.acked + 1 - head.first));
      const id = unacked[0]?.id;
      failures = id === suspect ? failures + 1 : 1;
      suspect = id;
      inFlight.isAlone = true;
      if (failures < MAX_FAILURES || unacked.length > 1) return true;
      failures = 0;
      if (inFlight.settled > settled) givenUp = 0;
      if (id === undefined || givenUp === MAX_GIVEN_UP) return false;
      givenUp++;
      settled = inFlight.settled;
      const text = `it has closed the connection with ${closeCode} each time that it received the message${reason && `: ${reason}`}`;
      pending.close(id, 'dead', { error: new MessageRefusedError(id, String(closeCode), text) });
      return true;
    },
    mustSplit: ({ messages }) => failures > 1 && messages.length > 1 && messages.some(({ id }) => id === suspect),
  };
}
