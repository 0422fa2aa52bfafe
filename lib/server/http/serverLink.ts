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
import { endOf } from '../../internal/endOf.js';
import { ABANDONED, ABNORMAL, NORMAL } from '../../link/closeCode.js';
import type { Ending } from '../../link/http/records.js';
import type { DescribedLink, Frame, Link } from '../../link/link.js';
import { createRoomCheck, type StallOptions } from '../../link/stall.js';
import type { Downlink } from './downlink.js';

/** The server's end of a link over requests. */
export interface ServerLink {
  /** For one subscription, before anything comes. */
  readonly link: Link<Frame> & DescribedLink;
  readonly receive: (frame: Frame) => void;
  /** Whether it was ended here: the client has not left by itself. */
  readonly isEnded: () => boolean;
  /** The client has left. */
  readonly lose: (ending: Ending) => void;
}

export interface ServerLinkOptions extends StallOptions {
  readonly endpoint: string;
  readonly scheduler: SchedulerLike;
}

export function createServerLink(down: Downlink, options: ServerLinkOptions): ServerLink {
  const received$ = new Subject<Frame>();
  const checkRoom = createRoomCheck(options, options.scheduler, down.buffered);
  let goodbye: Ending = { code: ABANDONED, reason: '' };
  let isLost = false;
  let isEnded = false;

  const send = (frame: Frame): void => {
    checkRoom();
    down.send(frame);
  };
  const finish = (): void => {
    goodbye = { code: NORMAL, reason: '' };
    received$.complete();
  };
  const end = (): void => {
    isEnded = !isLost;
    down.end(goodbye);
  };
  const refuse = (error: unknown): Observable<never> => {
    // What is told to a client that has ended it is that.
    if (error instanceof ConnectionLostError && !isLost) goodbye = { code: error.closeCode, reason: error.reason };
    return throwError(() => error);
  };
  const link: Link<Frame> = (outgoing) =>
    defer(() => {
      const sent$ = outgoing.pipe(tap({ next: send, complete: finish }), catchError(refuse), takeUntil(endOf(received$)), ignoreElements());
      return merge(received$, sent$).pipe(finalize(end));
    });
  return {
    link: Object.assign(link, { protocol: down.protocol, endpoint: options.endpoint }),
    receive: (frame) => received$.next(frame),
    isEnded: () => isEnded,
    lose(ending) {
      const { code, reason } = ending;
      goodbye = ending;
      isLost = true;
      if (code === NORMAL) received$.complete();
      else received$.error(new ConnectionLostError(code, reason, code !== ABNORMAL));
    },
  };
}
