import type { IncomingMessage } from 'node:http';
import {
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  merge,
  mergeMap,
  of,
  Subject,
  takeUntil,
  tap,
  type Observable,
  type Observer,
  type SchedulerLike,
} from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { after } from '../internal/after.js';
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
  readonly left$: Observable<unknown>;
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
export function attachment(link: ServedLink, { helloTimeout, scheduler, onRefused }: AttachmentOptions): Observable<Attachment> {
  return defer(() => {
    const toPeer$ = new Subject<Frame>();
    const fromPeer$ = new Subject<Frame>();
    const first$ = new Subject<void>();
    const left$ = endOf(fromPeer$).pipe(catchError(() => of(true)));
    const early = createEarly();
    let attached = false;

    const close = (code: CloseCode, reason: string): void => toPeer$.error(new ConnectionLostError(code, reason));
    const attach = (first: Frame): Attachment => ({
      ...{ first, close, left$, hello: helloIn(first), ...originOf(link) },
      link: (outgoing) =>
        // Ready to answer before the first frame is read.
        merge(
          outgoing.pipe(tap(observerOf(toPeer$)), takeUntil(endOf(fromPeer$)), ignoreElements()),
          defer(() => concat(early.read(first), fromPeer$)),
        ),
    });
    const receive = (frame: Frame): Attachment[] => {
      if (attached) {
        if (!early.keep(frame)) close(CloseCode.TRY_AGAIN_LATER, 'too much before it was welcome');
        else fromPeer$.next(frame);
        return [];
      }
      attached = true;
      first$.next();
      return [attach(frame)];
    };
    const lose = (error: unknown): Observable<never> => {
      if (attached) fromPeer$.error(error);
      else {
        fromPeer$.complete();
        onRefused(error);
      }
      return EMPTY;
    };
    const tooLate$ = after(helloTimeout, scheduler).pipe(
      takeUntil(merge(first$, endOf(fromPeer$))),
      tap(() => close(CloseCode.HELLO_TIMEOUT, 'no hello')),
      ignoreElements(),
    );
    return merge(tooLate$, link(toPeer$).pipe(tap({ complete: () => fromPeer$.complete() }), mergeMap(receive), catchError(lose)));
  });
}

/** What is known of a connection before anything has come. */
function originOf({ request, protocol = 'custom', onIdentified }: ServedLink): Pick<Attachment, 'request' | 'protocol' | 'onIdentified'> {
  return { request, protocol, onIdentified };
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

/** To `tap`, a Subject's own `subscribe` and `unsubscribe` would be two more handlers. */
function observerOf<T>(subject: Subject<T>): Observer<T> {
  return {
    next: (value) => subject.next(value),
    error: (error) => subject.error(error),
    complete: () => subject.complete(),
  };
}
