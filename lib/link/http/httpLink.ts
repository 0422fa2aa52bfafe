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
import { createCaller } from './caller.js';
import { createConversation, type Downstream } from './conversation.js';
import type { HttpLinkOptions } from './options.js';
import { isEnding, type Ending, type Item } from './records.js';
import { createUplink } from './uplink.js';

/**
 * A link over requests. It subscribes to `outgoing` at once: what is said first goes with the first request, which opens the connection. From then
 * on frames go up in one request after the other, and come down as `down` says. A request that fails is the end of it.
 */
export function httpLink(address: string, down: Downstream, options: HttpLinkOptions): Link<Frame> {
  const call = createCaller(address, options);
  return (outgoing) =>
    defer(() => {
      const over$ = new Subject<void>();
      let goodbye: Ending | undefined = { code: ABANDONED, reason: '' };

      const end = (): void => {
        goodbye = undefined;
        over$.next();
      };
      const conversation = createConversation(call, down);
      const { push, take, finish, sent$ } = createUplink(conversation, options, end);

      const refuse = (error: unknown): Observable<never> => {
        if (error instanceof ConnectionLostError) goodbye = { code: error.closeCode, reason: error.reason };
        return throwError(() => error);
      };
      // The server is not reached, or knows.
      const lose = (error: unknown): Observable<never> => {
        goodbye = undefined;
        return throwError(() => error);
      };
      const read = (item: Item): readonly Frame[] => {
        if (!isEnding(item)) return [item];
        if (item.code !== NORMAL) throw new ConnectionLostError(item.code, item.reason, true);
        end();
        return [];
      };
      const received$ = conversation.receive(take).pipe(concatMap(read), subscribeOn(asapScheduler), catchError(lose));
      const given$ = outgoing.pipe(tap({ next: push, complete: finish }), catchError(refuse), ignoreElements());
      return merge(received$, sent$.pipe(catchError(lose)), given$).pipe(
        takeUntil(over$),
        finalize(() => {
          // First the reason: whoever finds the connection broken asks no further.
          if (goodbye) conversation.leave(goodbye).pipe(finalize(conversation.abort)).subscribe({ error: noop });
          else conversation.abort();
        }),
      );
    });
}
