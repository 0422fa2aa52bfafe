import { isObservable } from 'rxjs';
import type { BatchContext, Codec, CodecLimits, Direction } from '../codec/codec.js';
import type { Outgoing } from '../core/outgoing.js';
import { HEADER_ROOM } from '../core/outgoingBatch.js';
import type { SessionCore } from '../core/sessionCore.js';
import type { SessionCodec, SessionEffect } from '../core/sessionTypes.js';
import { DecodeError, EncodeError, RxwireError } from '../errors.js';
import { attempt, chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import { checkSize, decodeBody, sizeError } from '../session/encoding.js';
import type { Wait } from '../session/waitIn.js';
import type { Body } from '../core/storedTypes.js';

/** The side of a session that uses a codec. */
export interface CodecUser {
  /** The direction of what this side sends. */
  readonly sends: Direction;
  /** Identifies the client's outbox. */
  readonly pid: string;
  /** The maximum size of a body, in bytes. */
  readonly maxBody: number;
}

/** Why a message could not be encoded alone. */
const failures = new WeakMap<Message, unknown>();

/**
 * Returns the error of a message that could not be encoded, or does not fit into a frame.
 *
 * @param codec The name of the codec.
 */
export function encodeErrorOf(message: Message, codec: string, outgoing: Outgoing): RxwireError {
  const error = failures.get(message) ?? sizeErrorOf(message, outgoing);
  if (error instanceof EncodeError) return new EncodeError(error.codec, error.reason, error.cause, message);
  return error instanceof RxwireError ? error : new EncodeError(codec, 'it has thrown an error', error, message);
}

/** The other side may accept less than this one. */
function sizeErrorOf(message: Message, { codec, maxFrame }: Outgoing): unknown {
  try {
    checkSize(codec?.encode([message], 1) ?? '', maxFrame - HEADER_ROOM);
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * A codec for the core of one session. It becomes asynchronous when its codec first returns an
 * Observable: the core then asks again, by an effect.
 */
export class HostCodec implements SessionCodec {
  readonly codec: Codec;
  isAsync = false;
  readonly #user: CodecUser;

  constructor(codec: Codec, user: CodecUser) {
    this.codec = codec;
    this.#user = user;
  }

  get name(): string {
    return this.codec.name;
  }
  get isSealed(): boolean {
    return this.codec.isSealed === true;
  }
  get own(): SessionCodec {
    const user = this.#user;
    const sends = user.sends === 'to-server' ? 'to-client' : 'to-server';
    return new HostCodec(this.codec, { sends, pid: user.pid, maxBody: user.maxBody });
  }
  get limits(): CodecLimits {
    return this.codec.limits ?? {};
  }
  within(limits: CodecLimits): SessionCodec | undefined {
    const limited = this.codec.within?.(limits);
    return limited && new HostCodec(limited, this.#user);
  }
  /** A batch that a sealing codec cannot open may be forged; its content comes from the sender. */
  isForgery(error: unknown): boolean {
    return this.isSealed && error instanceof DecodeError && error.codec === this.name;
  }

  encode(messages: readonly Message[], first: number): Body {
    const body = this.encodeMaybe(messages, first);
    if (!isObservable(body)) return body;
    this.isAsync = true;
    return '';
  }
  decode(body: Body, first: number, count: number): readonly Message[] {
    const messages = this.decodeMaybe(body, first, count);
    if (!isObservable(messages)) return messages;
    this.isAsync = true;
    return [];
  }
  /** @throws If the messages cannot be encoded; also delivered. */
  encodeMaybe(messages: readonly Message[], first: number): MaybeAsync<Body> {
    const failed = (error: unknown): never => {
      const [message] = messages;
      if (message && messages.length === 1) failures.set(message, error);
      throw error;
    };
    try {
      const body = this.codec.encode(messages, this.#contextOf(this.#user.sends, first, messages.length));
      return isObservable(body)
        ? attempt(
            () => body,
            (one) => this.#checked(one),
            failed,
          )
        : this.#checked(body);
    } catch (error) {
      return failed(error);
    }
  }
  /** @throws {RxwireError} If the body cannot be decoded; also delivered. */
  decodeMaybe(body: Body, first: number, count: number): MaybeAsync<readonly Message[]> {
    const direction = this.#user.sends === 'to-server' ? 'to-client' : 'to-server';
    const messages = decodeBody(this.codec, body, this.#contextOf(direction, first, count));
    return isObservable(messages) ? chain(messages, (all) => this.#counted(all, count)) : this.#counted(messages, count);
  }

  #checked(body: Body): Body {
    checkSize(body, this.#user.maxBody);
    return body;
  }
  #counted(messages: readonly Message[], count: number): readonly Message[] {
    if (messages.length !== count) throw new DecodeError(this.name, `expected ${count} messages, got ${messages.length}`);
    return messages;
  }
  #contextOf(direction: Direction, first: number, count: number): BatchContext {
    return { direction, pid: this.#user.pid, first, count };
  }
}

/** A call of a codec. */
export type CodecEffect = Extract<SessionEffect, { readonly kind: 'encode' | 'decode' }>;

/** The host of a core whose codec answers later. */
export interface CodecCaller {
  readonly now: number;
  /** Passes an answer to the core. */
  answer(input: (core: SessionCore) => void): void;
}

/** Runs a call of a codec for the core, and answers at once or later. */
export function callCodec(effect: CodecEffect, host: CodecCaller, wait: Wait): void {
  const { kind, id, first } = effect;
  const codec = effect.codec as SessionCodec & Pick<HostCodec, 'encodeMaybe' | 'decodeMaybe'>;
  if (kind === 'encode')
    wait(
      () => codec.encodeMaybe(effect.messages, first),
      (body) =>
        host.answer((core) => {
          const { messages } = effect;
          const error = messages.length === 1 ? sizeError(body, core.outgoing.maxFrame - HEADER_ROOM) : undefined;
          if (error) failures.set(messages[0] as Message, error);
          core.encoded(id, body);
        }),
      () => host.answer((core) => core.encoded(id, undefined)),
    );
  else
    wait(
      () => codec.decodeMaybe(effect.body, first, effect.count),
      (messages) => host.answer((core) => core.decoded(id, messages, host.now)),
      (error) => host.answer((core) => core.decoded(id, undefined, host.now, error)),
    );
}
