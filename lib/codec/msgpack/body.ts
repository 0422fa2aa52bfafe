import { DecodeError, EncodeError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import { parseMessage } from '../../message/validate.js';
import { carried } from '../carried.js';
import { fromColumns, kindsOf, toColumns } from './columns.js';
import { fold, isFolded, unfold, type Kinds } from './kinds.js';
import { fromTuple, KINDS, toTuple } from './tuple.js';

export interface BodyOptions {
  readonly maxBatch: number;
  readonly maxNodes: number;
}

/** What a batch is in MessagePack, as a value: tuples, or columns. */
export interface Body {
  /**
   * @throws {EncodeError} When the batch holds what cannot be carried.
   * @throws {InvalidMessageError}
   */
  of(batch: readonly Message[]): readonly unknown[];
  /**
   * @throws {DecodeError}
   * @throws {InvalidMessageError}
   */
  read(value: unknown): readonly Message[];
}

export function createBody({ maxBatch, maxNodes }: BodyOptions): Body {
  const rules = { codec: 'msgpack', maxBatch, carries, Failure: EncodeError };
  let hasFolded = false;
  const loose = { ...rules, carries: (value: unknown) => carries(value) || (isFolded(value) && (hasFolded = true)) };
  const layOut = (messages: readonly Message[], kinds: readonly (Kinds | null)[] | null): readonly unknown[] =>
    messages.length > 1 ? toColumns(messages, kinds, maxNodes) : messages.map((message) => toTuple(message, kinds?.[0] ?? null));

  return {
    of(batch) {
      hasFolded = false;
      const messages = carried(batch, loose);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `carried` changes it
      if (!hasFolded) return layOut(messages, null);
      const kinds = messages.map((): (string | number)[][] => []);
      const folded = messages.map((message, index) => ({ ...message, payload: fold(message.payload, kinds[index] ?? []) }));
      const known = kinds.map((list) => (list.length > 0 ? list : null));
      // What is in a Map has not been looked at before.
      return layOut(carried(folded, rules), known);
    },
    read(value) {
      if (!Array.isArray(value)) throw new DecodeError('msgpack', 'not an array of messages');
      const [first] = value as readonly unknown[];
      const count = typeof first === 'number' ? first : value.length;
      if (!Number.isSafeInteger(count) || count < 0 || count > maxBatch)
        throw new DecodeError('msgpack', `${count} messages, where ${maxBatch} are the limit`);
      return typeof first === 'number' ? readColumns(value, count, maxNodes) : value.map(readTuple);
    },
  };
}

function readTuple(tuple: unknown, index: number): Message {
  return withKinds(parseMessage(fromTuple(tuple, index), index), (tuple as readonly unknown[])[KINDS], index);
}

function readColumns(columns: readonly unknown[], count: number, maxFields: number): readonly Message[] {
  let fields: readonly object[];
  try {
    fields = fromColumns(columns, count, maxFields);
  } catch (cause) {
    throw new DecodeError('msgpack', (cause as Error).message, cause);
  }
  return fields.map((message, index) => withKinds(parseMessage(message, index), kindsOf(columns, index), index));
}

function withKinds(message: Message, kinds: unknown, index: number): Message {
  if (kinds == null) return message;
  try {
    return { ...message, payload: unfold(message.payload, kinds) };
  } catch (cause) {
    throw new DecodeError('msgpack', `[${index}] has ${(cause as Error).message}`, cause);
  }
}

function carries(value: unknown): boolean {
  if (typeof value === 'bigint') return !isFolded(value) && (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value);
  return typeof value === 'number' || value instanceof Uint8Array;
}
