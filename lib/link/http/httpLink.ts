import {
  asapScheduler,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  finalize,
  ignoreElements,
  merge,
  noop,
  type Observable,
  of,
  repeat,
  Subject,
  subscribeOn,
  takeUntil,
  tap,
  throwError,
} from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { ABANDONED, NORMAL } from '../closeCode.js';
import type { Frame, Link } from '../link.js';
import { createRequestSender } from './requestSender.js';
import { createHttpSession, type DownstreamFormat, type HttpSession } from './httpSession.js';
import type { FullHttpLinkOptions } from './httpLinkOptions.js';
import { createRecordQueue, type Ending, isEnding, type Item } from './recordFormat.js';
import { createStallCheck } from '../stallCheck.js';

/**
 * A link over requests. It subscribes to `outgoing` at once: the first frames are sent with the
 * request that opens the connection. Further frames are sent in one request at a time, and received
 * in the given format. A failed request ends the link.
 */
export function httpLink(format: DownstreamFormat, options: FullHttpLinkOptions): Link<Frame> {
  const call = createRequestSender(options);
  return (outgoing) =>
    defer(() => {
      const ended$ = new Subject<void>();
      let closeReason: Ending | undefined = { code: ABANDONED, reason: '' };

      const end = (): void => {
        closeReason = undefined;
        ended$.next();
      };
      const session = createHttpSession(call, format);
      const { push, take, complete, sent$ } = createUplink(session, options, {
        // A session that is done does not wait for the answer: an abandonment must not overtake the
        // normal end.
        onClosing: () => (closeReason = { code: NORMAL, reason: '' }),
        onClosed: end,
      });

      const onOutgoingFailed = (error: unknown): Observable<never> => {
        if (error instanceof ConnectionLostError) closeReason = { code: error.closeCode, reason: error.reason };
        return throwError(() => error);
      };
      // The server is unreachable, or has sent the reason itself.
      const onRequestFailed = (error: unknown): Observable<never> => {
        closeReason = undefined;
        return throwError(() => error);
      };
      const read = (item: Item): readonly Frame[] => {
        if (!isEnding(item)) return [item];
        if (item.code !== NORMAL) throw new ConnectionLostError(item.code, item.reason, true);
        end();
        return [];
      };
      const received$ = session.receive(take).pipe(concatMap(read), subscribeOn(asapScheduler), catchError(onRequestFailed));
      const outgoing$ = outgoing.pipe(tap({ next: push, complete }), catchError(onOutgoingFailed), ignoreElements());
      return merge(received$, sent$.pipe(catchError(onRequestFailed)), outgoing$).pipe(
        takeUntil(ended$),
        finalize(() => {
          // Sends the reason before aborting: a server that sees a broken connection would not wait
          // for it.
          if (closeReason) session.close(closeReason).pipe(finalize(session.abort)).subscribe({ error: noop });
          else session.abort();
        }),
      );
    });
}

/** Sends frames: one request at a time, with all frames that wait. */
interface Uplink {
  /** @throws {ConnectionLostError} If too many bytes have waited for too long. */
  readonly push: (frame: Frame) => void;
  /** Removes the waiting frames and returns them as a body. */
  readonly take: () => Uint8Array;
  /** Closes the link when the server has received all frames. */
  readonly complete: () => void;
  /** Runs the requests. */
  readonly sent$: Observable<never>;
}

interface UplinkEnd {
  /** Called when the server has received all frames, before the close is sent. */
  readonly onClosing: () => void;
  /** Called when the server has received the close. */
  readonly onClosed: () => void;
}

function createUplink({ post, close }: HttpSession, options: FullHttpLinkOptions, { onClosing, onClosed }: UplinkEnd): Uplink {
  const { scheduler } = options;
  const queue = createRecordQueue();
  const checkStall = createStallCheck(options, scheduler, () => queue.bytes);
  const wake$ = new Subject<void>();
  let isDone = false;

  const posted$ = defer(() => (queue.bytes > 0 ? post(() => queue.take()) : EMPTY)).pipe(
    repeat({ delay: () => (queue.bytes > 0 ? of(true) : EMPTY) }),
  );
  const closed$ = defer(() =>
    isDone ? close({ code: NORMAL, reason: '' }).pipe(tap({ subscribe: onClosing, complete: onClosed })) : EMPTY,
  );
  return {
    push(frame) {
      checkStall();
      queue.push(frame);
      wake$.next();
    },
    take: () => queue.take(),
    complete() {
      isDone = true;
      wake$.next();
    },
    sent$: wake$.pipe(exhaustMap(() => concat(posted$, closed$))),
  };
}
