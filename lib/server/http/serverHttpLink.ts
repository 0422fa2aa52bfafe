import {
  catchError,
  defer,
  finalize,
  ignoreElements,
  merge,
  Subject,
  takeUntil,
  tap,
  throwError,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { completionOf } from '../../internal/completionOf.js';
import { ABANDONED, ABNORMAL, NORMAL } from '../../link/closeCode.js';
import type { Ending } from '../../link/http/recordFormat.js';
import type { DescribedLink, Frame, Link } from '../../link/link.js';
import { createStallCheck, type StallOptions } from '../../link/stallCheck.js';
import type { Downlink } from './downlink.js';

/** The server's end of a link over requests. */
export interface ServerHttpLink {
  /** To be subscribed to once, before the first frame. */
  readonly link: Link<Frame> & DescribedLink;
  readonly receive: (frame: Frame) => void;
  /** Returns whether the server, not the client, has ended the link. */
  readonly isEnded: () => boolean;
  /** Handles the end of the client. */
  readonly onClientClosed: (ending: Ending) => void;
}

export interface ServerHttpLinkOptions extends StallOptions {
  readonly endpoint: string;
  readonly scheduler: SchedulerLike;
}

export function createServerHttpLink(downlink: Downlink, options: ServerHttpLinkOptions): ServerHttpLink {
  const received$ = new Subject<Frame>();
  const checkStall = createStallCheck(options, options.scheduler, downlink.buffered);
  let closeReason: Ending = { code: ABANDONED, reason: '' };
  let isLost = false;
  let isEnded = false;

  const send = (frame: Frame): void => {
    checkStall();
    downlink.send(frame);
  };
  const finish = (): void => {
    closeReason = { code: NORMAL, reason: '' };
    received$.complete();
  };
  const end = (): void => {
    isEnded = !isLost;
    downlink.end(closeReason);
  };
  const onOutgoingFailed = (error: unknown): Observable<never> => {
    // If the client has ended the link, its reason is kept.
    if (error instanceof ConnectionLostError && !isLost) closeReason = { code: error.closeCode, reason: error.reason };
    return throwError(() => error);
  };
  const link: Link<Frame> = (outgoing) =>
    defer(() => {
      const sent$ = outgoing.pipe(
        tap({ next: send, complete: finish }),
        catchError(onOutgoingFailed),
        takeUntil(completionOf(received$)),
        ignoreElements(),
      );
      return merge(received$, sent$).pipe(finalize(end));
    });
  return {
    link: Object.assign(link, { protocol: downlink.protocol, endpoint: options.endpoint }),
    receive: (frame) => received$.next(frame),
    isEnded: () => isEnded,
    onClientClosed(ending) {
      const { code, reason } = ending;
      closeReason = ending;
      isLost = true;
      if (code === NORMAL) received$.complete();
      else received$.error(new ConnectionLostError(code, reason, code !== ABNORMAL));
    },
  };
}
