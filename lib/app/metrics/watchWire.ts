import type { Subscription } from 'rxjs';
import { WireClosedError, type RxwireError } from '../../errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { Call } from '../requests/call.js';
import type { RequestWire } from '../requests/requestOptions.js';

export interface WatchOptions {
  readonly calls: ReadonlyMap<string, Call>;
  readonly fail: (call: Call, error: unknown) => void;
  readonly onMessage: (message: Message) => void;
  /** Ends it. */
  readonly watching: Subscription;
}

/** Listens to a wire, and fails the requests that it cannot have answered any more. */
export function watchWire(wire: RequestWire, { calls, fail, onMessage, watching }: WatchOptions): void {
  const failAll = (errorOf: (call: Call) => unknown): void => {
    for (const call of [...calls.values()]) fail(call, errorOf(call));
  };
  const onReceipt = ({ id, status, error }: Receipt): void => {
    const call = calls.get(id);
    if (call && error) fail(call, error);
    else if (call && status === 'acked') call.isTaken = true;
  };
  const onError = (error: RxwireError): void => {
    if (error.code !== 'ERR_SESSION_LOST') return;
    // What the other side has not had yet is sent again, and answered in the next session.
    for (const call of [...calls.values()]) if (call.isTaken) fail(call, error);
  };
  const onEnd = (): void => failAll(({ id }) => wire.state?.error ?? new WireClosedError(id));

  watching.add(wire.receipts$?.subscribe({ next: onReceipt, complete: onEnd }));
  watching.add(wire.errors$?.subscribe(onError));
  if (watching.closed) return;
  watching.add(wire.subscribe({ next: onMessage, error: (error: unknown) => failAll(() => error), complete: onEnd }));
}
