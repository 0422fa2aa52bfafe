import type { SchedulerLike } from 'rxjs';
import type { CoreEvent } from '../../core/coreTypes.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import { createMessage } from '../../message/createMessage.js';
import type { RxwireError } from '../../message/errors.js';
import { backoffDelays } from '../../operators/retryBackoff.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import type { DeadLetter } from '../../stores/deadLetterStore.js';
import { createDeadLetter } from '../createDeadLetter.js';
import type { ClaimOutcome, SessionCapabilities } from './messageClaim.js';
import type { Wait } from './scopedWait.js';

/** The maximum length of the body that a dead letter keeps, in bytes or characters. */
const MAX_BODY = 65_536;
/** The delay before a failed dead letter is stored again, in ms: doubled with each failure. */
const MIN_RETRY_AFTER = 100;
const MAX_RETRY_AFTER = 30_000;

interface RejectingHost extends Pick<SessionCapabilities, 'deadLetter' | 'reportError'> {
  settle(number: number, outcomes: readonly ClaimOutcome[], progress: ReceiveProgress): void;
  readonly core: { readonly peer: string };
  readonly codecName: string;
}

/**
 * Rejects the messages of a batch that cannot be decoded, when a dead letter keeps its bytes. While
 * the store of the letter fails, the messages are not acked, and the letter is stored again.
 */
export function storeUndecodable(
  { first, count, body, numbers, attempts, progress, error }: Extract<CoreEvent, { readonly kind: 'undecodable' }>,
  host: RejectingHost,
  scheduler: SchedulerLike,
  wait: Wait,
): void {
  const { codecName: codec, core, deadLetter } = host;
  const report = (reason: unknown): void => host.reportError(reason as RxwireError);
  const payload = { number: first, count, codec, size: body.length, body: body.slice(0, MAX_BODY) };
  const message = createMessage('system.undecodable', payload, { source: core.peer, scheduler });
  const letter = createDeadLetter(message, error, { attempts, scheduler });
  const rejection = { kind: 'undecodable', code: letter.reason, reason: letter.error } as const;
  const settle = (kept?: DeadLetter): void =>
    numbers.forEach((number, index) => host.settle(number, [{ rejection, ...(index === 0 && { deadLetter: kept }) }], progress));
  if (!deadLetter) {
    settle(letter);
    return;
  }
  const delayOf = backoffDelays({ initialInterval: MIN_RETRY_AFTER, maxInterval: MAX_RETRY_AFTER });
  let failures = 0;
  const store = (): void =>
    wait(
      () => deadLetter(letter),
      () => settle(),
      (reason) => {
        report(reason);
        wait(() => longTimer(delayOf(failures++), scheduler), store, report);
      },
    );
  store();
}
