import type { Observable, SchedulerLike } from 'rxjs';
import type { Link } from '../link/link.js';
import type { Delivery, Message } from '../message/types.js';
import type { Report } from '../session/sessionEvents.js';
import type { Listening } from './listening.js';
import type { Traffic } from './traffic.js';

/** What a wire lends to the link it is made of. */
export interface WireParts {
  /** Whether somebody has subscribed to the wire. */
  readonly listening: Pick<Listening, 'begun'>;
  /** Whether anybody wants receipts. */
  readonly isWatched: () => boolean;
  readonly traffic: Traffic;
  readonly report: Report;
}

export interface WireSetup {
  readonly id: string;
  /** Asked at each look: another link may carry it by then. */
  protocol(): string;
  readonly endpoint: string;
  /** Whether the platform knows that there is no network; and tells when that may have changed. @default not known */
  readonly isOffline?: boolean;
  readonly signals$?: Observable<unknown>;
  readonly delivery: Delivery;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike | undefined;
  /** Makes the link for messages. */
  open(parts: WireParts): Link<Message>;
}
