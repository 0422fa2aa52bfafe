import type { IncomingMessage } from 'node:http';
import { catchError, Observable, of, Subject, type SchedulerLike, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { createAlarm } from '../internal/alarm.js';
import { endOf } from '../internal/endOf.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame, Link } from '../link/link.js';
import type { Hello } from '../session/handshake.js';
import type { Principal } from './principal.js';
import type { ServedLink } from './serveOptions.js';
import { helloIn } from './session/hello.js';

/** One connection of a client, whose first frame has come. */
export interface Attachment {
  readonly first: Frame;
  /**
   * What it says, by the session protocol. It is read once.
   *
   * @throws {ProtocolError} When it is no hello.
   */
  readonly hello: () => Hello;
  /** What remains of the connection: it begins with `first`, and can be subscribed once. */
  readonly link: Link<Frame>;
  readonly close: (code: CloseCode, reason: string) => void;
  /** Emits when its client has left. */
  readonly left: () => Observable<unknown>;
  /** What it began with, where that is known. */
  readonly request?: IncomingMessage | undefined;
  /** What carries it. */
  readonly protocol: string;
  /** To be called once it is known who has opened it, with what finds out who makes another request of the same connection. */
  readonly onIdentified?: ServedLink['onIdentified'];
  /** Who has opened it, once that is known. */
  readonly principal?: Principal | undefined;
  /** Takes a fresh token of the same principal; an error, when it is none. */
  readonly renew?: (token: string) => Observable<unknown>;
}

export interface AttachmentOptions {
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Told why a connection ended before its first frame. */
  readonly onRefused: (error: unknown) => void;
}

/** Emits once, when the first frame has come, and lives as long as the connection. */
export function attachment(link: ServedLink, options: AttachmentOptions): Observable<Attachment> {
  return new Observable((to) => {
    receive(link, to, options);
  });
}

/** By hand, and not composed: a server has thousands of them, and operators would take 16 KiB for each. */
function receive(link: ServedLink, to: Subscriber<Attachment>, { helloTimeout, scheduler, onRefused }: AttachmentOptions): void {
  const toPeer$ = new Subject<Frame>();
  const fromPeer$ = new Subject<Frame>();
  const early = createEarly();
  let isAttached = false;

  const close = (code: CloseCode, reason: string): void => toPeer$.error(new ConnectionLostError(code, reason));
  const tooLate = createAlarm(scheduler, () => close(CloseCode.HELLO_TIMEOUT, 'no hello'));
  const next = (frame: Frame): void => {
    if (isAttached) {
      if (!early.keep(frame)) close(CloseCode.TRY_AGAIN_LATER, 'too much before it was welcome');
      else fromPeer$.next(frame);
      return;
    }
    isAttached = true;
    tooLate.clear();
    to.next(attached(frame, link, { toPeer$, fromPeer$, early, close }));
  };
  const end = (error?: unknown): void => {
    tooLate.clear();
    if (error === undefined || !isAttached) fromPeer$.complete();
    else fromPeer$.error(error);
    if (error !== undefined && !isAttached) onRefused(error);
    to.complete();
  };
  if (helloTimeout < Infinity) tooLate.set(helloTimeout);
  to.add(link(toPeer$).subscribe({ next, error: end, complete: () => end() }));
  to.add(() => tooLate.clear());
}

interface Ends {
  readonly toPeer$: Subject<Frame>;
  readonly fromPeer$: Subject<Frame>;
  readonly early: ReturnType<typeof createEarly>;
  readonly close: Attachment['close'];
}

function attached(first: Frame, { request, protocol = 'custom', onIdentified }: ServedLink, ends: Ends): Attachment {
  const link: Link<Frame> = (outgoing) =>
    new Observable((to) => {
      carry(outgoing, to, ends, first);
    });
  const left = (): Observable<unknown> => endOf(ends.fromPeer$).pipe(catchError(() => of(true)));
  return { first, close: ends.close, left, hello: helloIn(first), request, protocol, onIdentified, link };
}
/** What a client that is still looked into may send meanwhile, in bytes. */
const MAX_EARLY = 256 * 1024;

/** What comes before anybody reads it. */
function createEarly() {
  let waiting: Frame[] | undefined = [];
  let bytes = 0;
  return {
    /** False, when it is too much. */
    keep(frame: Frame): boolean {
      if (!waiting) return true;
      bytes += frame.length;
      waiting.push(frame);
      return bytes <= MAX_EARLY;
    },
    /** From now on somebody does. */
    read(first: Frame): readonly Frame[] {
      const frames = [first, ...(waiting ?? [])];
      waiting = undefined;
      return frames;
    },
  };
}

/** Ready to answer before the first frame is read. */
function carry(outgoing: Observable<Frame>, to: Subscriber<Frame>, { toPeer$, fromPeer$, early }: Ends, first: Frame): void {
  const error = (reason: unknown): void => {
    toPeer$.error(reason);
    to.error(reason);
  };
  to.add(outgoing.subscribe({ next: (frame) => toPeer$.next(frame), error, complete: () => toPeer$.complete() }));
  for (const frame of early.read(first)) to.next(frame);
  fromPeer$.subscribe(to);
}
