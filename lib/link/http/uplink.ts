import { asyncScheduler, concat, defer, EMPTY, exhaustMap, of, repeat, Subject, tap, type Observable } from 'rxjs';
import { NORMAL } from '../closeCode.js';
import type { Frame } from '../link.js';
import { createRoomCheck } from '../stall.js';
import type { Conversation } from './conversation.js';
import type { HttpLinkOptions } from './options.js';
import { createRecordQueue } from './recordQueue.js';

/** What goes up: one request at a time, with all that waits. */
export interface Uplink {
  /** @throws {ConnectionLostError} When too much has waited for too long. */
  readonly push: (frame: Frame) => void;
  /** What waits, as a body. */
  readonly take: () => Uint8Array;
  /** Nothing more will come: when the server has all, it is told so. */
  readonly finish: () => void;
  /** The requests. */
  readonly sent$: Observable<never>;
}

/** @param onLeft The server has all, and knows that it was all. */
export function createUplink({ post, leave }: Conversation, options: HttpLinkOptions, onLeft: () => void): Uplink {
  const { scheduler = asyncScheduler } = options;
  const queue = createRecordQueue();
  const checkRoom = createRoomCheck(options, scheduler, () => queue.bytes);
  const wake$ = new Subject<void>();
  let isDone = false;

  const posted$ = defer(() => (queue.bytes > 0 ? post(queue.take) : EMPTY)).pipe(
    repeat({ delay: () => (queue.bytes > 0 ? of(true) : EMPTY) }),
  );
  const left$ = defer(() => (isDone ? leave({ code: NORMAL, reason: '' }).pipe(tap({ complete: onLeft })) : EMPTY));
  return {
    push(frame) {
      checkRoom();
      queue.push(frame);
      wake$.next();
    },
    take: queue.take,
    finish() {
      isDone = true;
      wake$.next();
    },
    sent$: wake$.pipe(exhaustMap(() => concat(posted$, left$))),
  };
}
