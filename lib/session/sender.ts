import {
  defer,
  finalize,
  ignoreElements,
  merge,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import type { RxwireError } from '../errors.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import { ackWithin } from '../operators/ackWithin.js';
import type { Report } from './events.js';
import { createOutbox } from './outbox.js';

export interface SenderOptions {
  /** Whether a message waits for its ack, or is done once it was handed to the link. */
  readonly acks: boolean;
  readonly ackTimeout: number;
  readonly maxRetries: number;
  readonly window: number;
  readonly maxQueued: number;
  readonly drainTimeout: number;
  readonly scheduler: SchedulerLike;
  readonly online$: Observable<boolean>;
  /** Acks of the peer, and receipts of messages that no frame can hold. */
  readonly settled$: Observable<Message | Receipt>;
  readonly send: (message: Message) => void;
  readonly report: Report;
}

/**
 * What is sent waits in the outbox until there is a link and room in the window; then it is in flight until it is acked.
 * Emits nothing; completes when all is done, at the latest `drainTimeout` after its source.
 */
export function sender(options: SenderOptions): OperatorFunction<Message, never> {
  const { acks, ackTimeout, maxRetries, window, drainTimeout, scheduler, online$, settled$, send } = options;

  return (source) =>
    defer(() => {
      const outbox = createOutbox(options);
      const sending$ = new Subject<Message>();
      const ended$ = new Subject<void>();
      const drained$ = new Subject<void>();
      let online = false;
      let inFlight = 0;
      let ending = false;

      const start = (message: Message): void => {
        if (acks) sending$.next(message);
        else send(message);
        outbox.settle({ id: message.id, status: 'sent', attempts: 1 });
        if (!acks) outbox.forget(message.id);
      };
      const pump = (): void => {
        while (online && inFlight < window) {
          const message = outbox.take();
          if (!message) break;
          if (acks) inFlight++;
          start(message);
        }
        if (ending && outbox.size() === 0) drained$.next();
      };
      const free = (): void => {
        inFlight--;
        pump();
      };
      const bury = (message: Message, error: Error): void => {
        outbox.fail(message.id, error as RxwireError);
        free();
      };
      const settle = (receipt: Receipt): void => {
        outbox.settle(receipt);
        free();
      };

      const inFlight$ = sending$.pipe(
        ackWithin(settled$, ackTimeout, { retries: maxRetries, maxInFlight: window, online$, send, onDead: bury, scheduler }),
        tap(settle),
      );
      const unsendable$ = settled$.pipe(tap((receipt) => 'error' in receipt && outbox.fail(receipt.id, receipt.error as RxwireError)));
      return merge(
        acks ? inFlight$ : unsendable$,
        // After the line above: what was in flight goes out again before what has waited.
        online$.pipe(
          tap((value) => (online = value)),
          tap(pump),
        ),
        ended$.pipe(
          tap(pump),
          switchMap(() => timer(drainTimeout, scheduler)),
          tap(() => drained$.next()),
        ),
        source.pipe(
          tap({
            next: (message) => {
              outbox.accept(message);
              pump();
            },
            complete: () => {
              ending = true;
              ended$.next();
            },
          }),
        ),
      ).pipe(takeUntil(drained$), ignoreElements(), finalize(outbox.abandon));
    });
}
