import { Subscription, type Observable, type SchedulerLike, type Subject, type Subscriber } from 'rxjs';
import type { Frame, Link } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { WireParts } from '../../wire/wireSetup.js';
import type { Rest } from './rest.js';
import type { Rounds } from './rounds.js';
import type { ServerSide } from './serverSide.js';

/** A session while it is awake. */
export interface Awake {
  /** Lives as long as it is subscribed: what comes of its client. */
  readonly messages$: Observable<Message>;
  /** Itself, once that is so. */
  readonly side: () => ServerSide;
}

/** What a session is given when it wakes. */
export interface Waking {
  readonly link: Link<Frame>;
  readonly outgoing: Observable<Message>;
  /** What has remained of it; nothing, when it begins. */
  readonly rest: Rest | undefined;
  /** To be called when its client was not heard for so many looks, two in each interval: it may sleep then. */
  readonly onQuiet: (looks: number) => void;
  /** To be called when it has agreed with its client on how to go on. */
  readonly onAgreed: () => void;
}

/** Of all clients of a server. */
export interface SleeperOptions {
  /** Messages that a client may send, unacked. @default 1_024 */
  readonly window?: number;
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
  readonly rounds: Rounds;
  readonly scheduler: SchedulerLike;
}

/** Of one client. */
export interface SleeperParts extends Pick<WireParts, 'traffic' | 'report'> {
  readonly wake: (waking: Waking) => Awake;
  /** Called at the end. */
  readonly leave: () => void;
}

/** What an awake session has more than one that sleeps. */
export interface Running {
  readonly outgoing: Subject<Message>;
  awake: Awake | undefined;
  /** Takes what comes of the client. */
  received: Subscriber<Frame> | undefined;
  /** What goes to the client: each subscription is another connection. */
  toPeer$: Observable<Frame> | undefined;
  connection: Subscription;
  life: Subscription;
}

/** What it begins with. */
export const NOTHING = { awake: undefined, received: undefined, toPeer$: undefined, connection: Subscription.EMPTY } as const;
