import { pipe, type MonoTypeOperatorFunction } from 'rxjs';
import { InvalidMessageError } from '../../errors.js';
import { operate } from '../../internal/operate.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Message } from '../../message/types.js';
import { claim, emitOnce } from '../../session/receive/delivery.js';
import { intercept } from '../routing/intercept.js';
import type { UseOptions } from '../routing/use.js';

/**
 * Replaces each `batch` message by the messages that it contains, in order: the inverse of
 * `toBatchMessage`. Other messages are passed on. A message without a `source` gets that of its
 * batch.
 *
 *     source                -M-c-|     (M is a batch of a and b)
 *     fromBatchMessage()    -(ab)c-|
 *
 * A batch of a wire is acked when all of its messages are processed: `consume`, `route` or a
 * `queue` may follow. A batch comes from the other side: it is validated, and an invalid one fails
 * as a whole, as a message whose middleware fails does in `use`. A batch inside of a batch is
 * passed on as it is.
 *
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {InvalidMessageError} To `onError`, and in `errors$` of the wire.
 * @throws The error of `onError`, delivered.
 * @example
 * import { from, map } from 'rxjs';
 * import { batchByKey, createMessage, fromBatchMessage, toBatchMessage } from 'rxwire';
 *
 * from(['a', 'b'])
 *   .pipe(
 *     map((text) => createMessage('chat.wave', text)),
 *     batchByKey(),
 *     toBatchMessage(),
 *     fromBatchMessage(),
 *   )
 *   .subscribe(({ type, payload }) => console.log(type, payload));
 * // prints: chat.wave a
 * // prints: chat.wave b
 */
export function fromBatchMessage(options: UseOptions = {}): MonoTypeOperatorFunction<Message> {
  return pipe(intercept('batch', validate, options), unpack);
}

/** Returns the batch with validated messages. */
function validate(batch: Message<'batch'>): Message {
  const { messages, count } = Object(batch.payload) as { readonly messages?: unknown; readonly count?: unknown };
  if (!Array.isArray(messages)) throw new InvalidMessageError('payload.messages', 'must be an array');
  if (count != null && count !== messages.length) throw new InvalidMessageError('payload.count', 'must be the number of messages');
  const parsed = messages.map((message, index) => parseMessage(message, `payload.messages[${index}]`));
  const { source } = batch;
  const withSource = parsed.map((message) => (message.source ? message : { ...message, source }));
  return { ...batch, payload: { ...batch.payload, messages: withSource } };
}

const unpack: MonoTypeOperatorFunction<Message> = /* @__PURE__ */ operate((subscriber) => {
  const emit = (message: Message): void => subscriber.next(message);
  return {
    next(message) {
      if (message.type !== 'batch') {
        subscriber.next(message);
        return;
      }
      for (const one of (message as Message<'batch'>).payload.messages) {
        // Each message has a claim of its own: the batch is processed when all of them are.
        const held = claim(message);
        if (held) emitOnce(held.delivery, one, emit);
        else emit(one);
      }
    },
    error: (error) => subscriber.error(error),
    complete: () => subscriber.complete(),
  };
});
