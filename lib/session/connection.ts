import { map, Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { after } from '../internal/after.js';
import { HELLO_TIMEOUT } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Ack } from './frames.js';
import { heartbeat } from './heartbeat.js';

/** One connection of a session, while it is open. */
export interface Connection {
  readonly send: (frame: Frame) => void;
  /** Says goodbye. */
  close(): void;
  /** Ends it, and tells the other side why. */
  fail(error: unknown): void;
  /** Something came. */
  hear(): void;
  /** The other side may send: what comes before that breaks the rules. */
  welcome(): void;
  readonly isWelcome: boolean;
  /**
   * We may send. From now on each side must be heard every `ping` ms.
   *
   * @param quiet How often it was looked already, and nothing was heard.
   */
  agree(ping: number, quiet?: number): void;
  readonly isAgreed: boolean;
  /**
   * The highest ack that came before we may send. It is applied when both sides have agreed: until then it is not known whether our numbers stay, and it may
   * tell of more than the handshake, which was written before it.
   */
  earlyAck: Ack | undefined;
  /** What came over it, and is not read yet, has no effect any more. */
  readonly isOver: boolean;
}

export interface ConnectionOptions {
  readonly onOpen: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
  /** Whether there is a reason to ask the other side even though it is heard. */
  readonly isWaiting: () => boolean;
  readonly ping: () => void;
  /** Called when it was not heard for so many looks, two in each interval: it may be ended by that. @default nothing is done */
  readonly onQuiet?: ((looks: number) => void) | undefined;
  /** Emits when timers may have been asleep until now, or something has befallen the network. @default never */
  readonly woken$?: Observable<unknown> | undefined;
  /** How long the handshake may take, in ms: until then no heartbeat finds that nothing arrives. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
}

/** What goes to the other side, for a link to subscribe to while it is open: each time it is another connection. */
export function connection(options: ConnectionOptions): Observable<Frame> {
  return new Observable((to) => {
    open(to, options);
  });
}

/** By hand, and not composed: a server has thousands of them, and operators would take 16 KiB for each. */
function open(to: Subscriber<Frame>, { onOpen, onClosed, helloTimeout, scheduler, ...options }: ConnectionOptions): void {
  let isHeard = true;
  const fail = (error: unknown): void => to.error(error);
  const late$ = after(helloTimeout, scheduler).pipe(
    map((): never => {
      throw new ConnectionLostError(HELLO_TIMEOUT, 'no end of the handshake');
    }),
  );
  const wasHeard = (): boolean => {
    const was = isHeard;
    isHeard = false;
    return was;
  };
  let watching = late$.subscribe({ error: fail });
  const mine = {
    isWelcome: false,
    isAgreed: false,
    isOver: false,
    earlyAck: undefined as Ack | undefined,
    send: (frame: Frame) => to.next(frame),
    close: () => to.complete(),
    fail,
    hear: () => void (isHeard = true),
    welcome: () => void (mine.isWelcome = true),
    agree(every: number, quiet = 0) {
      isHeard = quiet === 0;
      mine.isAgreed = true;
      watching.unsubscribe();
      if (!mine.isOver) watching = heartbeat({ ...options, every, wasHeard, scheduler, quiet }).subscribe({ error: fail });
    },
  };
  to.add(() => {
    mine.isOver = true;
    watching.unsubscribe();
    onClosed(mine);
  });
  onOpen(mine);
}
