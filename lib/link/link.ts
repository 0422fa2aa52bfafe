import type { Observable } from 'rxjs';

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
