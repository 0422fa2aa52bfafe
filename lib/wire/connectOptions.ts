import type { Observable } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { DescribedLink, Frame, Link } from '../link/link.js';
import type { Delivery, Message } from '../message/types.js';
import type { NetworkSignal } from '../session/networkSignals.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { TokenSource } from '../session/credentials.js';
import type { WireOptions } from './wireOptions.js';
import type { WireParts } from './wireSetup.js';

export interface ConnectOptions extends WireOptions {
  /** How the peer is reached: `webSocket(url)`, or a link of your own. */
  readonly link: Link<Frame> & DescribedLink;
  /** How messages become frames: one codec, or several, the best first, of which the server takes the first that it has. @default json() */
  readonly codec?: Codec | readonly Codec[];
  /** What is promised for each message that does not say it itself. @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** Names the wire, and is the `source` of what it sends. @default 21 random characters */
  readonly id?: string;
  /**
   * What shows the server who this is; it goes into the hello, never into an address. Asked for at each connection, and again before it expires. A throw is
   * a failure to connect: it is tried again, unless it is an `UnauthorizedError`, which ends the wire. @default nothing
   */
  readonly token?: TokenSource;
  /**
   * What the platform says of the page and of the network: the other side is asked at once whether it is still there, and a wait for the next attempt is cut
   * short. @default what the browser does; on Node nothing
   */
  readonly signals$?: Observable<NetworkSignal>;
  /** Where the messages are kept until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
  /** How both sides agree on what has arrived; `envelopeProtocol` is for servers that know nothing of sessions. @default sessionProtocol */
  readonly protocol?: Protocol;
}

/** Makes of a link for frames one for messages: who is served by one protocol does not load the other. */
export type Protocol = (options: ConnectOptions & { readonly id: string }) => (parts: WireParts) => Link<Message>;
