import type { SchedulerLike } from 'rxjs';
import { after } from '../../internal/after.js';
import { exponentialDelay } from '../../internal/retryDelays.js';
import { createMessage } from '../../message/createMessage.js';
import { createDeadLetter } from '../consume/createDeadLetter.js';
import type { Body } from '../../core/storedTypes.js';
import type { Wait } from '../waitIn.js';
import type { DeadLetter } from '../store/deadLetterStore.js';
import type { Progress } from '../../core/progress.js';
import type { DeliverySession } from './delivery.js';

/** The maximum length of the body that a dead letter keeps, in bytes or characters. */
const MAX_BODY = 65_536;
/**
 * The time after which a dead letter is stored again when its store has failed, in ms: it doubles
 * with each failure.
 */
const MIN_RETRY_AFTER = 100;
const MAX_RETRY_AFTER = 30_000;

export interface UndecodableOptions<Tracker = Progress> {
  readonly session: DeliverySession<Tracker>;
  readonly wait: Wait;
  /** The name of the codec. */
  readonly codec: string;
  /** The id of the sender. */
  readonly source: string;
  /** How often the batch was received. */
  readonly attempts: number;
  readonly scheduler: SchedulerLike;
  readonly report: (error: unknown) => void;
}

/** A batch that cannot be decoded. */
interface Undecodable {
  readonly first: number;
  readonly count: number;
  readonly body: Body;
}

/**
 * Rejects the messages of a batch that cannot be decoded, when its bytes are kept as a dead letter.
 * While the store of the letter fails, the messages are not acked, and the letter is stored again.
 *
 * @param numbers The numbers of the messages that are not processed.
 */
export function rejectUndecodable<Tracker>(
  batch: Undecodable,
  error: unknown,
  numbers: readonly number[],
  tracker: Tracker,
  options: UndecodableOptions<Tracker>,
): void {
  const { session, wait, scheduler, report } = options;
  const letter = letterOf(batch, error, options);
  const rejection = { kind: 'undecodable', code: letter.reason, reason: letter.error } as const;
  const reject = (deadLetter?: DeadLetter): void => {
    for (const number of numbers) session.settle(number, [{ rejection, ...(number === numbers[0] && { deadLetter }) }], tracker);
  };
  const { keep } = session;
  if (!keep) {
    reject(letter);
    return;
  }
  let failures = 0;
  const store = (): void =>
    wait(
      () => keep(letter),
      () => reject(),
      (reason) => {
        report(reason);
        const delay = Math.min(exponentialDelay(failures++, MIN_RETRY_AFTER), MAX_RETRY_AFTER);
        wait(() => after(delay, scheduler), store, report);
      },
    );
  store();
}

/**
 * Returns the dead letter of a batch. Its message has the type `system.undecodable`, and contains
 * the body of the batch.
 */
function letterOf(
  { first, count, body }: Undecodable,
  error: unknown,
  { codec, source, attempts, scheduler }: Pick<UndecodableOptions, 'codec' | 'source' | 'attempts' | 'scheduler'>,
): DeadLetter {
  const payload = { number: first, count, codec, size: body.length, body: body.slice(0, MAX_BODY) };
  return createDeadLetter(createMessage('system.undecodable', payload, { source, scheduler }), error, { attempts, scheduler });
}
