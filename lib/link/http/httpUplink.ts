import { concat, defer, EMPTY, exhaustMap, of, repeat, Subject, tap, type Observable } from 'rxjs';
import { NORMAL } from '../closeCode.js';
import type { Frame } from '../link.js';
import { createStallCheck } from '../stallCheck.js';
import type { HttpSession } from './httpSession.js';
import type { FullHttpLinkOptions } from './httpLinkOptions.js';
import { createRecordQueue } from './recordQueue.js';

/** Sends frames: one request at a time, with all frames that wait. */
export interface Uplink {
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

export function createUplink({ post, close }: HttpSession, options: FullHttpLinkOptions, { onClosing, onClosed }: UplinkEnd): Uplink {
  const { scheduler } = options;
  const queue = createRecordQueue();
  const checkStall = createStallCheck(options, scheduler, () => queue.bytes);
  const wake$ = new Subject<void>();
  let isDone = false;

  const posted$ = defer(() => (queue.bytes > 0 ? post(queue.take) : EMPTY)).pipe(
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
    take: queue.take,
    complete() {
      isDone = true;
      wake$.next();
    },
    sent$: wake$.pipe(exhaustMap(() => concat(posted$, closed$))),
  };
}
