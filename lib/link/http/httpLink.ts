import {
  asapScheduler,
  catchError,
  concatMap,
  defer,
  finalize,
  ignoreElements,
  merge,
  noop,
  Subject,
  subscribeOn,
  takeUntil,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { ConnectionLostError } from '../../errors.js';
import { ABANDONED, NORMAL } from '../closeCode.js';
import type { Frame, Link } from '../link.js';
import { createRequestSender } from './requestSender.js';
import { createHttpSession, type DownstreamFormat } from './httpSession.js';
import type { FullHttpLinkOptions } from './httpLinkOptions.js';
import { isEnding, type Ending, type Item } from './recordFormat.js';
import { createUplink } from './httpUplink.js';

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
