import { asyncScheduler, mergeMap, type MonoTypeOperatorFunction, type OperatorFunction, pipe } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { assertEncodable } from '../../codec/assertEncodable.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { hasUnpaired } from '../../codec/unicode.js';
import { EncodeError, InvalidMessageError, type RxwireError } from '../../message/errors.js';
import { estimateSize } from '../../message/estimateSize.js';
import { MAX_DEPTH } from '../../message/messageLimits.js';
import { operate } from '../subscribing/operate.js';
import { createMessage, type MessageOptions } from '../../message/createMessage.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Batch } from '../batchByKey.js';
import { claim, emitOnce } from '../../wire/session/messageClaim.js';
import { reportFailure } from '../../wire/reportFailure.js';
import { rejectDelivery } from '../routing/rejectDelivery.js';
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
 * priorities, and the strongest of their deliveries. A message that says that it is encrypted and
 * is not makes the envelope say so, too: then the wire refuses the batch.
 *
 * A message that cannot be sent does not stop the others, which may come from other clients. A
 * batch above about 128 KiB becomes several, and a message that no codec supports is a batch of
 * one: it has more than 29 levels, an invalid field, a function, or a text with an unpaired
 * surrogate. Messages with bytes, BigInts or NaN, which JSON does not support, share no batch with
 * others. The order remains.
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
  return mergeMap(({ key: batchKey, items }) =>
    [...partsOf(items)].map((messages) =>
      createMessage('batch', { batchKey, messages, count: messages.length }, { ...fieldsOf(messages), ...options }),
    ),
  );
}

/** The maximum size of a batch, as estimated: JSON may need six bytes for a character. */
const MAX_BYTES = 131_072;
/** The levels of a batch around the payload of a message. */
const OWN_LEVELS = 3;
const RULES = { codec: 'batch', maxBatch: 1, maxDepth: MAX_DEPTH - OWN_LEVELS, Failure: EncodeError };
/** What the codecs support beside the values of JSON. */
const isBinaryValue = (value: unknown): boolean =>
  typeof value === 'number' || value instanceof Uint8Array || (typeof value === 'bigint' && BigInt.asIntN(64, value) === value);

/** The codecs that can encode a message: each of them, only binary ones, or maybe none. */
type Kind = 'any' | 'binary' | 'none';

function kindOf(message: Message): Kind {
  const isEncodable = (supports: (value: unknown) => boolean): boolean => {
    try {
      return assertEncodable([message], { ...RULES, supports }).length === 1 && !hasUnpaired(message);
    } catch {
      return false;
    }
  };
  if (isEncodable(() => false)) return 'any';
  return isEncodable(isBinaryValue) ? 'binary' : 'none';
}

/** Yields consecutive messages that may share a batch. */
function* partsOf(messages: readonly Message[]): Generator<[Message, ...Message[]]> {
  let part: Message[] = [];
  let [kind, bytes]: [Kind, number] = ['any', 0];
  for (const message of messages) {
    const own = kindOf(message);
    // The size of such a message may be infinite.
    const size = own === 'none' ? 0 : estimateSize(message, MAX_BYTES);
    if (part.length > 0 && (own === 'none' || own !== kind || bytes + size > MAX_BYTES)) {
      yield part as [Message, ...Message[]];
      [part, bytes] = [[], 0];
    }
    part.push(message);
    bytes += size;
    kind = own;
  }
  if (part.length > 0) yield part as [Message, ...Message[]];
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
 * `queue` may follow. A batch comes from the other side: it is validated. A batch with another
 * shape fails, as a message whose middleware fails does in `use`. If some messages of a batch are
 * invalid, the operator emits the others, and the invalid ones fail together, as a batch. A batch
 * inside of one stays.
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
  return pipe(intercept('batch', validate, options), unpack(options));
}

function validate({ payload }: Message<'batch'>): undefined {
  const { messages, count } = Object(payload) as { readonly messages?: unknown; readonly count?: unknown };
  if (!Array.isArray(messages)) throw new InvalidMessageError('payload.messages', 'must be an array');
  if (count != null && count !== messages.length) throw new InvalidMessageError('payload.count', 'must be the number of messages');
}

function unpack({ onError, scheduler = asyncScheduler }: UseOptions): MonoTypeOperatorFunction<Message> {
  return operate<Message, Message>((subscriber) => {
    const emit = (message: Message): void => subscriber.next(message);
    const reject = (batch: Message, error: RxwireError): void => {
      const held = claim(batch);
      const end = (reason: unknown): void => {
        held?.abandon();
        subscriber.error(reason);
      };
      try {
        reportFailure(error, batch, { session: held?.delivery.session, onError });
        if (held) rejectDelivery(held, { message: batch, error, failure: error, scheduler, onFailed: end });
      } catch (thrown) {
        end(thrown);
      }
    };
    return {
      next(batch) {
        if (batch.type !== 'batch') {
          subscriber.next(batch);
          return;
        }
        const { payload, source } = batch as Message<'batch'>;
        const invalid: Message[] = [];
        let failure: RxwireError | undefined;
        for (const [index, given] of payload.messages.entries()) {
          let message: Message;
          try {
            message = parseMessage(given, `payload.messages[${index}]`);
          } catch (error) {
            failure ??= error as RxwireError;
            invalid.push(given);
            continue;
          }
          const one = message.source ? message : { ...message, source };
          // Each message has a claim of its own: the batch is processed when all of them are.
          const held = claim(batch);
          if (held) emitOnce(held.delivery, one, emit);
          else emit(one);
        }
        if (failure) reject({ ...batch, payload: { ...payload, messages: invalid, count: invalid.length } }, failure);
      },
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    };
  });
}
