import type { AsyncCalls, AsyncCodecs } from '../../codec/asynchronous.js';
import type { BatchContext, Codec, CodecLimits, CodecOutputs, Direction, FrameReader, ReceivingSession } from '../../codec/codec.js';
import { HEADER_ROOM } from '../../core/frameFormat.js';
import type { Outgoing } from '../../core/outgoing.js';
import type { SessionCodec } from '../../core/coreTypes.js';
import { DecodeError, EncodeError, FrameTooLargeError, type RxwireError } from '../../message/errors.js';
import { isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { asEncodeError, checkKind, decodeFailed, sizeError } from './encoding.js';
import type { Body } from '../../core/storedTypes.js';

interface ClientName {
  /** Identifies its outbox. */
  readonly pid: string;
}

/** Why a message could not be encoded alone. */
const failures = new WeakMap<Message, unknown>();

const LATE = 'it is asynchronous, but has no "asynchronous"';

/** Returns the error of a message that the codec `codec` could not encode, or that is too large. */
export function encodeErrorOf(message: Message, codec: string, outgoing: Outgoing): RxwireError {
  return asEncodeError(failures.get(message) ?? sizeErrorOf(message, outgoing), codec, message);
}

/** The other side may accept less than this one. Under another number, the body may be smaller. */
function sizeErrorOf(message: Message, { codec, maxFrame }: Outgoing): unknown {
  const limit = maxFrame - HEADER_ROOM;
  try {
    return sizeError(codec?.encode([message], 1) ?? '', limit) ?? new FrameTooLargeError(limit + 1, limit);
  } catch (error) {
    return error;
  }
}

/** A codec for the core. */
export class HostCodec implements SessionCodec {
  readonly codec: Codec;
  readonly name: string;
  readonly #encodes: Direction;
  readonly #client: ClientName;
  /** The calls of an asynchronous codec. */
  readonly #calls: AsyncCalls | undefined;

  /** @param encodes The direction of what this side sends. */
  constructor(codec: Codec, encodes: Direction, client: ClientName) {
    this.codec = codec;
    this.name = codec.name;
    this.#encodes = encodes;
    this.#client = client;
    this.#calls = (codec.asynchronous as AsyncCodecs | undefined)?.createAsyncCalls();
  }

  get isSealed(): boolean {
    return this.codec.isSealed === true;
  }
  get #decodes(): Direction {
    return this.#encodes === 'to-server' ? 'to-client' : 'to-server';
  }
  get own(): SessionCodec {
    return new HostCodec(this.codec, this.#decodes, this.#client);
  }
  get limits(): CodecLimits {
    return this.codec.limits ?? {};
  }
  within(limits: CodecLimits): SessionCodec | undefined {
    const limited = this.codec.within?.(limits);
    return limited && new HostCodec(limited, this.#encodes, this.#client);
  }
  /** A batch that a sealing codec cannot open may be forged; its content comes from the sender. */
  isForgery(error: unknown): boolean {
    return this.isSealed && error instanceof DecodeError && error.codec === this.name;
  }

  encode(messages: readonly Message[], first: number, outputs?: CodecOutputs): Body | undefined {
    const { codec } = this;
    const context = this.#contextOf(this.#encodes, first, messages.length);
    try {
      if (this.#calls) return this.#calls.encode(messages, first, () => codec.encode(messages, context), outputs);
      const body = codec.encode(messages, context);
      if (isLater(body)) throw new EncodeError(this.name, LATE);
      return body;
    } catch (error) {
      if (messages.length === 1) failures.set(messages[0] as Message, error);
      throw error;
    }
  }
  /** @throws {RxwireError} If the body cannot be decoded. */
  decode(body: Body, first: number, count: number, outputs?: CodecOutputs): readonly Message[] | undefined {
    try {
      const messages = this.#calls ? this.#calls.decode(() => this.#decode(body, first, count), outputs) : this.#decode(body, first, count);
      if (isLater(messages)) throw new DecodeError(this.name, LATE);
      if (messages && messages.length !== count) throw new DecodeError(this.name, `expected ${count} messages, got ${messages.length}`);
      return messages;
    } catch (error) {
      return decodeFailed(this.codec, body, error);
    }
  }
  reader(session: ReceivingSession): FrameReader | undefined {
    return this.#calls?.reader(session, ({ body, first, count }) => this.#decode(body, first, count));
  }
  #decode(body: Body, first: number, count: number): MaybeAsync<readonly Message[]> {
    checkKind(this.codec, body);
    return this.codec.decode(body, this.#contextOf(this.#decodes, first, count));
  }
  #contextOf(direction: Direction, first: number, count: number): BatchContext {
    return { direction, pid: this.#client.pid, first, count };
  }
}
