import { map, type MonoTypeOperatorFunction, type OperatorFunction, pipe } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { InvalidMessageError } from '../../message/errors.js';
import { operate } from '../subscribing/operate.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Batch } from '../batchByKey.js';
import { claim, emitOnce } from '../../wire/session/messageClaim.js';
import { intercept, type UseOptions } from '../routing/use.js';

/** The fields of the envelope. Each batch has an `id` of its own. */
export type BatchMessageOptions = Omit<MessageOptions, 'id'>;

/**
 * Makes one message of each batch: `batch`, with `batchKey`, `messages` and `count`. It travels as
 * one message, with one ack; `fromBatchMessage` is the inverse at the receiver.
 *
 *     source              --A----B-|     (A is { key: 'a:', items: [x, y] })
 *     toBatchMessage()    --M----N-|     (M is { batchKey: 'a:', messages: [x, y], count: 2 })
 *
 * The envelope has the `target` of its messages if all have the same one, the highest of their
 * priorities, and the strongest of their deliveries. A batch must fit into a frame: limit it by
 * `maxSize` of `batchByKey`. A message that says that it is encrypted and is not makes the envelope
 * say so, too: then the wire refuses the batch.
 *
 * @param options Fields of the envelope, which override these rules.
 * @example
 * import { from, map } from 'rxjs';
 * import { batchByKey, createMessage, toBatchMessage } from 'rxwire';
 *
 * from(['a', 'b', 'c'])
 *   .pipe(
 *     map((text) => createMessage('chat.wave', text, { target: 'ann' })),
 *     batchByKey(),
 *     toBatchMessage(),
 *   )
 *   .subscribe(({ payload }) => console.log(payload.batchKey, payload.count)); // prints: chat.wave:ann 3
 */
export function toBatchMessage(options: BatchMessageOptions = {}): OperatorFunction<Batch<string, Message>, Message<'batch'>> {
  checkOptions('toBatchMessage', options);
  return map(({ key: batchKey, items: messages }) =>
    createMessage('batch', { batchKey, messages, count: messages.length }, { ...fieldsOf(messages), ...options }),
  );
}

/** Returns the fields of the envelope that follow from its messages. */
function fieldsOf(messages: readonly [Message, ...Message[]]): BatchMessageOptions {
  const { target } = messages[0];
  const delivery = strongest(messages);
  const priorities = messages.flatMap(({ priority }) => priority ?? []);
  return {
    ...(target !== undefined && messages.every((message) => message.target === target) && { target }),
    ...(delivery && { delivery }),
    // A message without a priority is NORMAL.
    ...(priorities.length > 0 && { priority: Math.max(...priorities, priorities.length < messages.length ? 1 : 0) as 0 | 1 | 2 | 3 }),
    ...(messages.some(isUnencrypted) && { metadata: { encrypted: true } }),
  };
}

/** Returns the strongest level. Without a common one, `undefined`: that of the wire. */
function strongest(messages: readonly [Message, ...Message[]]): Delivery | undefined {
  const levels = new Set(messages.map(({ delivery }) => delivery));
  if (levels.has('exactly-once')) return 'exactly-once';
  if (levels.size === 1) return messages[0].delivery;
  return levels.has('at-least-once') ? 'at-least-once' : undefined;
}

/**
 * Replaces each `batch` message by the messages that it contains, in order: the inverse of
 * `toBatchMessage`. Others are passed on. A message without a `source` gets that of its batch.
 *
 *     source                -M-c-|     (M is a batch of a and b)
 *     fromBatchMessage()    -(ab)c-|
 *
 * A batch of a wire is acked when all of its messages are processed: `consume`, `route` or a
 * `queue` may follow. A batch comes from the other side: it is validated, and an invalid one fails
 * as a whole, as a message whose middleware fails does in `use`. A batch inside of one stays.
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
  checkOptions('fromBatchMessage', options);
  return pipe(intercept('batch', validate, options), unpack);
}

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
