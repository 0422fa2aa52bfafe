import { Observable, type Observer, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';

/**
 * A unit of transfer over a connection: text, or bytes. The bytes may be a view of memory that
 * other frames share: copy them before their buffer is transferred.
 */
export type Frame = string | Uint8Array;

/**
 * One connection, as an operator. Subscribing opens the connection. The link subscribes to
 * `outgoing` once the connection is open, and emits the frames that arrive. It completes when
 * `outgoing` completes or the peer closes normally, and fails when the connection is lost.
 * Unsubscribing abandons the connection.
 */
export type Link<Out, In = Out> = (outgoing: Observable<Out>) => Observable<In>;

/**
 * Turns a link for `B` into a link for `A`: framing, acks, metering. Layers compose with `pipe`.
 */
export type Layer<A, B = A> = (link: Link<B>) => Link<A>;

/**
 * The description of a link, for {@link ConnectionState}. A link that combines several describes
 * the one in use.
 */
export interface DescribedLink {
  /** The name of the transport: `websocket`, `sse`, `long-polling`. */
  readonly protocol?: string;
  /** The address of the peer. */
  readonly endpoint?: string;
}

/**
 * The transports of a wire. A link that is none of the others is `custom`.
 *
 * @example
 * import { connect, TransportProtocol, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.state$.subscribe(({ protocol }) =>
 *   console.log(protocol === TransportProtocol.WEBSOCKET ? 'fast' : 'fallback'),
 * );
 */
export const TransportProtocol = { WEBSOCKET: 'websocket', SSE: 'sse', LONG_POLLING: 'long-polling', CUSTOM: 'custom' } as const;

/** One of the transports, as its text. */
export type TransportProtocol = (typeof TransportProtocol)[keyof typeof TransportProtocol];

/**
 * Makes a link describe itself as another one does, now and whenever that changes.
 * @param described
 * Returns the other link, if there is one.
 */
export function describedBy(link: Link<Frame>, described: () => DescribedLink | undefined): Link<Frame> & DescribedLink {
  const describe = (name: keyof DescribedLink): PropertyDescriptor => ({ enumerable: true, get: () => described()?.[name] });
  return Object.defineProperties(link, { protocol: describe('protocol'), endpoint: describe('endpoint') });
}

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
