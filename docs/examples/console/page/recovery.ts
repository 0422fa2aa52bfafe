import { Subject, type Observable } from 'rxjs';
import type { InspectedConnection, InspectedFrame, Message } from 'rxwire';

/** How long after its opening a connection still brings what was written before it, in ms. */
const CATCHING_UP = 10_000;

/** Knows which messages a broken connection has held up. */
export interface Recovery {
  readonly onFrame: (frame: InspectedFrame) => void;
  readonly onConnection: (event: InspectedConnection) => void;
  /** Whether a message was written while the connection was broken, and so came over a later one. Server and page share one clock here. */
  readonly isResent: (message: Pick<Message, 'timestamp'>) => boolean;
  /** Emits how many messages a frame has brought that were held up, or that this page has sent again. */
  readonly resent$: Observable<number>;
}

export function createRecovery(): Recovery {
  const resent$ = new Subject<number>();
  let heardAt = Infinity;
  /** The messages that were written in this time were delayed. */
  let gap = { from: Infinity, to: -Infinity };
  const isResent: Recovery['isResent'] = ({ timestamp }) =>
    timestamp >= gap.from && timestamp < gap.to && Date.now() < gap.to + CATCHING_UP;

  return {
    onFrame({ direction, at, kind, messages = [], isResent: isAgain, count = 0 }) {
      const resent = direction === 'sent' ? (isAgain ? count : 0) : messages.filter(isResent).length;
      if (kind === 'msg' && resent > 0) resent$.next(resent);
      if (direction === 'received') heardAt = at;
    },
    onConnection({ status, at }) {
      if (status === 'open') gap = { from: heardAt, to: at };
    },
    isResent,
    resent$,
  };
}
