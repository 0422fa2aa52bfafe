import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  noop,
  startWith,
  Subject,
  takeUntil,
  takeWhile,
  tap,
} from 'rxjs';
import type { Observable } from 'rxjs';
import { after } from '../../internal/after.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { ackWithin } from '../../operators/ackWithin.js';
import type { EnvelopeOptions } from './envelopeOptions.js';
import { createOutbox } from './outbox.js';
import { createWriter } from './writer.js';

/**
 * What is sent waits until there is a link and room in the window; then it is in flight until it is acked, or given up.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 */
export function sending(options: EnvelopeOptions) {
  const { delivery, ackTimeout = 5_000, maxRetries = 5, window = 1_024, maxQueued = 10_000, drainTimeout = 10_000 } = options;
  const { unsendable$ = NEVER, scheduler = asyncScheduler, report = noop } = options;
  assertPositive('envelopes', { ackTimeout, window, maxQueued });
  assertNotNegative('envelopes', { maxRetries, drainTimeout });
  const isAcked = delivery !== 'at-most-once';

  return (acks$: Observable<Message>) => {
    const { toPeer, send, close$ } = createWriter(options);
    const { pending, inFlight, settled$, accept, take, tell, settle, abandon } = createOutbox(maxQueued, scheduler, report);
    // Observed while there is a link.
    const sending$ = new Subject<Message>();
    let isPumping = false;
    report({ kind: 'begun', isOpen: (id) => pending.has(id), isSent: (id) => inFlight.has(id) });

    const pump = (): void => {
      // What is sent in answer to a receipt comes after what is being sent.
      if (isPumping) return;
      isPumping = true;
      for (let message; sending$.observed && inFlight.size < window && (message = take());) {
        const receipt: Receipt = { id: message.id, status: 'sent', attempts: 1 };
        if (isAcked) tell(receipt);
        sending$.next(message);
        if (!isAcked) settle(message.id, receipt);
      }
      isPumping = false;
    };
    const end = (receipt: Receipt): void => {
      settle(receipt.id, receipt);
      pump();
    };
    const onDead = ({ id }: Message, error: Error): void => end({ id, status: 'dead', error });
    const opened$ = defer(() => {
      report({ kind: 'open' });
      pump();
      return EMPTY;
    });
    // What is in flight goes out again on each connection, in order, before what has waited.
    const acked$ = defer(() => concat([...inFlight.values()], sending$)).pipe(
      ackWithin(merge(acks$, unsendable$), ackTimeout, { retries: maxRetries, maxInFlight: window, send, onDead, scheduler }),
    );
    const unacked$ = merge(sending$.pipe(tap(send), ignoreElements()), unsendable$);
    const drained$ = settled$.pipe(
      startWith(undefined),
      takeWhile(() => pending.size > 0),
      takeUntil(after(drainTimeout, scheduler)),
    );
    return {
      send,
      toPeer$: defer(() => toPeer(merge((isAcked ? acked$ : unacked$).pipe(tap(end), ignoreElements()), opened$))),
      /** Takes what is to be sent; completes when all is done and the other side had time to say goodbye. */
      run: (source: Observable<Message>): Observable<never> =>
        concat(concat(source.pipe(tap(accept), tap(pump)), drained$).pipe(finalize(abandon)), close$).pipe(ignoreElements()),
    };
  };
}
