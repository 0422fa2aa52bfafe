import { filter, skipWhile, Subscription, take } from 'rxjs';
import { ConnectionLostError, MessageDroppedError, OverflowError, type RxwireError } from '../../message/errors.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import type { Wire } from '../../wire/wire.js';

export interface ConnectionCallbacks {
  /** Called with each close code. Returns whether the client is away. */
  readonly onLost: (closeCode: number) => boolean;
  /** Called when the client is connected again. */
  readonly onReturned: () => void;
  /** Called when the full queue of the client has dropped a message. */
  readonly onDropped: () => void;
}

const isOverflow = (error: RxwireError): boolean =>
  error instanceof OverflowError || (error instanceof MessageDroppedError && error.reason === 'overflow');

/**
 * Watches the connection of a client. The state is watched only while the client is away, because a
 * wire whose state has a subscriber counts each second.
 */
export function watchConnection(wire: Wire, { onLost, onReturned, onDropped }: ConnectionCallbacks): Subscription {
  const watching = new Subscription();
  const errors = wire.errors$.subscribe((error) => {
    if (isOverflow(error)) onDropped();
    if (!(error instanceof ConnectionLostError) || !onLost(error.closeCode)) return;
    const returned$ = wire.state$.pipe(
      // The wire of a client that cannot return is still connected here, and ends then.
      skipWhile(({ status }) => status === 'connected'),
      filter(({ status }) => status === 'connected'),
      take(1),
    );
    watching.add(returned$.subscribe(onReturned));
  });
  watching.add(markInternal(errors));
  return watching;
}
