import {
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { after } from '../internal/after.js';
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
      const drained$ = new Subject<void>();
      let online = false;
      let ending = false;
      let pumping = false;

      const pump = (): void => {
        // What is sent in answer to a receipt comes after what is being sent.
        if (pumping) return;
        pumping = true;
        while (online && outbox.inFlight.size < window) {
          const message = outbox.take();
          if (!message) break;
          outbox.settle({ id: message.id, status: 'sent', attempts: 1 }, !acks);
          if (acks) sending$.next(message);
          else send(message);
        }
        pumping = false;
        if (ending && outbox.size() === 0) drained$.next();
      };
      const bury = ({ id }: { readonly id: string }, error: Error | undefined): void => {
        if (error) outbox.fail(id, error);
        pump();
      };

      // On each connection what is in flight goes out again, in order, before what has waited.
      const acked$ = defer(() => concat([...outbox.inFlight.values()], sending$)).pipe(
        ackWithin(settled$, ackTimeout, { retries: maxRetries, maxInFlight: window, send, onDead: bury, scheduler }),
        tap((receipt) => outbox.settle(receipt, true)),
      );
      const unsendable$ = settled$.pipe(tap((receipt) => bury(receipt, (receipt as Partial<Receipt>).error)));
      const connection$ = online$.pipe(
        tap((value) => (online = value)),
        switchMap((value) => merge(value && acks ? acked$ : EMPTY, of(undefined))),
      );
      const ended$ = defer(() => {
        ending = true;
        return concat(of(undefined), after(drainTimeout, scheduler).pipe(tap(() => drained$.next())));
      });
      return merge(acks ? EMPTY : unsendable$, connection$, concat(source.pipe(tap(outbox.accept)), ended$)).pipe(
        tap(pump),
        takeUntil(drained$),
        ignoreElements(),
        finalize(outbox.abandon),
      );
    });
}
