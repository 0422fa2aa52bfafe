import { Observable, type Observer, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';
import type { Frame, Link } from './link.js';

/**
 * One connection, as an object: it sends the frames that it is given. `complete` and `error` end
 * the connection, and `unsubscribe` abandons it.
 */
export interface LinkConnection extends Observer<Frame>, Unsubscribable {
  /** Opens the connection. The frames that arrive, and the end, go to `to`. To be called once. */
  begin(to: Observer<Frame>): void;
}

/** Returns a connection over a link, which is subscribed to once. */
export function connectionOver(link: Link<Frame>): LinkConnection {
  let outgoing: Subscriber<Frame> | undefined;
  let incoming: Subscription | undefined;
  return {
    begin: (to) => void (incoming = link(new Observable((subscriber) => void (outgoing = subscriber))).subscribe(to)),
    next: (frame) => outgoing?.next(frame),
    error: (error) => outgoing?.error(error),
    complete: () => outgoing?.complete(),
    unsubscribe: () => incoming?.unsubscribe(),
  };
}
