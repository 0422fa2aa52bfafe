import { map, type OperatorFunction } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Batch } from '../../operators/batchByKey.js';

/** The fields of the envelope. Each batch has an `id` of its own. */
export type BatchMessageOptions = Omit<MessageOptions, 'id'>;

/**
 * Makes one message of each batch: `batch`, with `batchKey`, `messages` and `count`. It travels as
 * one message, with one ack; `fromBatchMessage` is the inverse at the receiver.
 *
 *     source              --A----B-|     (A is { key: 'a:', items: [x, y] }, B is { key: 'b:', items: [z] })
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

/**
 * Returns `exactly-once` if a message has it, and `at-most-once` if all have it. The others have
 * the level of the wire, unless all have the same.
 */
function strongest(messages: readonly [Message, ...Message[]]): Delivery | undefined {
  const levels = new Set(messages.map(({ delivery }) => delivery));
  if (levels.has('exactly-once')) return 'exactly-once';
  if (levels.size === 1) return messages[0].delivery;
  return levels.has('at-least-once') ? 'at-least-once' : undefined;
}
