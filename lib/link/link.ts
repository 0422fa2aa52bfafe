import type { Observable } from 'rxjs';

/** What goes down a connection: text, or bytes. */
export type Frame = string | Uint8Array;

/**
 * One connection, as an operator. Subscribing opens it; the link subscribes to `outgoing` once it is open; what arrives
 * is emitted. When `outgoing` completes, or the peer says goodbye, it completes; unsubscribing abandons it; losing it is
 * an error.
 */
export type Link<Out, In = Out> = (outgoing: Observable<Out>) => Observable<In>;

/** Turns a link for `B` into a link for `A`: framing, acks, metering. Layers compose with `pipe`. */
export type Layer<A, B = A> = (link: Link<B>) => Link<A>;

/** What a link may tell of itself, for {@link ConnectionState}; of a link that is made of several, the one that is in use. */
export interface DescribedLink {
  /** What carries it: `websocket`, `sse`, `long-polling`. */
  readonly protocol?: string;
  /** Where it leads. */
  readonly endpoint?: string;
}
