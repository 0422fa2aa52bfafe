import { Subscription, type SchedulerLike } from 'rxjs';
import { RequestTimeoutError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import { cancelOf, hear, type Call } from './call.js';
import { createDeadlines } from './deadlines.js';
import type { RequestWire } from './requestOptions.js';
import { watchWire } from '../metrics/watchWire.js';

/** The open requests of a wire. They share one subscription to each of its streams, and one alarm. */
export interface Calls {
  readonly size: number;
  has(id: string): boolean;
  /** Sends a request, and tells its subscriber what comes of it. */
  open(call: Call): void;
  /** Nobody waits for it any more: if it is open, the other side is told. */
  readonly leave: (call: Call) => void;
}

export function createCalls(wire: RequestWire, scheduler: SchedulerLike): Calls {
  const calls = new Map<string, Call>();
  let watching = Subscription.EMPTY;

  /** False, when it has ended already. */
  const end = (call: Call): boolean => {
    // Another one may have its id by now: whoever asks again, does so before this one is torn down.
    if (calls.get(call.id) !== call) return false;
    calls.delete(call.id);
    if (calls.size > 0) return true;
    watching.unsubscribe();
    deadlines.clear();
    return true;
  };
  const fail = (call: Call, error: unknown): void => {
    if (end(call)) call.subscriber.error(error);
  };
  const leave = (call: Call): void => {
    if (end(call)) wire.next(cancelOf(call.message, scheduler));
  };
  const giveUp = (call: Call, error: unknown): void => {
    leave(call);
    call.subscriber.error(error);
  };
  const deadlines = createDeadlines(calls, scheduler, (call) => giveUp(call, new RequestTimeoutError(call.id, call.patience)));
  const onMessage = (message: Message): void => {
    // What comes late is for nobody.
    const call = calls.get(message.correlationId ?? '');
    if (!call || !hear(call, message, { end, fail, giveUp })) return;
    call.patience = call.each;
    call.deadline = scheduler.now() + call.each;
    deadlines.note(call.deadline);
  };

  return {
    get size() {
      return calls.size;
    },
    has: (id) => calls.has(id),
    leave,
    open(call) {
      calls.set(call.id, call);
      try {
        if (calls.size === 1) watchWire(wire, { calls, fail, onMessage, watching: (watching = new Subscription()) });
        // The wire may have ended already: then it has failed.
        if (calls.get(call.id) !== call) return;
        deadlines.note(call.deadline);
        wire.next(call.message);
      } catch (error) {
        fail(call, error);
      }
    },
  };
}
