import { filter, skipWhile, Subscription, take } from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import type { Wire } from '../../wire/wire.js';

/**
 * Watches the connection of a client. The state is watched only while the client is away, because a
 * wire whose state has a subscriber counts each second.
 * @param onLost Called with each close code. Returns whether the client is away.
 * @param onReturned Called when it is connected again.
 */
export function watchConnection(wire: Wire, onLost: (closeCode: number) => boolean, onReturned: () => void): Subscription {
  const watching = new Subscription();
  const errors = wire.errors$.subscribe((error) => {
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
