import { isObservable } from 'rxjs';
import type { Codec, CodecLimits, Direction } from '../../codec/codec.js';
import { HEADER_ROOM } from '../../core/frameFormat.js';
import type { Outgoing } from '../../core/outgoing.js';
import type { SessionCore } from '../../core/sessionCore.js';
import type { SessionCodec, CoreEffect } from '../../core/coreTypes.js';
import { DecodeError, FrameTooLargeError, type RxwireError } from '../../message/errors.js';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { asEncodeError, decodeBody, sizeError } from './encoding.js';
import type { Wait } from './scopedWait.js';
import type { Body } from '../../core/storedTypes.js';

interface ClientName {
  /** Identifies its outbox. */
  readonly pid: string;
}

/** Why a message could not be encoded alone. */
const failures = new WeakMap<Message, unknown>();

function remember(messages: readonly Message[], error: unknown): void {
  if (messages.length === 1) failures.set(messages[0] as Message, error);
}

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

/** A codec for the core. When it first returns an Observable, the core asks again, by an effect. */
export class HostCodec implements SessionCodec {
  readonly codec: Codec;
  readonly name: string;
  isAsync = false;
  readonly #encodes: Direction;
  readonly #client: ClientName;

  /** @param encodes The direction of what this side sends. */
  constructor(codec: Codec, encodes: Direction, client: ClientName) {
    this.codec = codec;
    this.name = codec.name;
    this.#encodes = encodes;
    this.#client = client;
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

  encode(messages: readonly Message[], first: number): Body {
    try {
      const body = this.encodeMaybe(messages, first);
      if (!isObservable(body)) return body;
    } catch (error) {
      remember(messages, error);
      throw error;
    }
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
    return this.codec.encode(messages, { direction: this.#encodes, pid: this.#client.pid, first, count: messages.length });
  }
  /** @throws {RxwireError} If the body cannot be decoded; also delivered. */
  decodeMaybe(body: Body, first: number, count: number): MaybeAsync<readonly Message[]> {
    const messages = decodeBody(this.codec, body, { direction: this.#decodes, pid: this.#client.pid, first, count });
    return isObservable(messages) ? chain(messages, (all) => this.#counted(all, count)) : this.#counted(messages, count);
  }
  #counted(messages: readonly Message[], count: number): readonly Message[] {
    if (messages.length !== count) throw new DecodeError(this.name, `expected ${count} messages, got ${messages.length}`);
    return messages;
  }
}

export type CodecEffect = Extract<CoreEffect, { readonly kind: 'encode' | 'decode' }>;

export interface CodecCaller {
  readonly now: number;
  answer(input: (core: SessionCore) => void): void;
}

/** Runs a call of a codec for the core, and answers at once or later. */
export function callCodec(effect: CodecEffect, host: CodecCaller, wait: Wait): void {
  const { kind, id, first } = effect;
  const codec = effect.codec as SessionCodec & Pick<HostCodec, 'encodeMaybe' | 'decodeMaybe'>;
  if (kind === 'encode')
    wait(
      () => codec.encodeMaybe(effect.messages, first),
      // The Observable of a codec may be empty.
      (body: Body | undefined) =>
        host.answer((core) => {
          const { messages } = effect;
          const error = sizeError(body ?? '', core.outgoing.maxFrame - HEADER_ROOM);
          if (error) remember(messages, error);
          core.encoded(id, body);
        }),
      (error) => {
        remember(effect.messages, error);
        host.answer((core) => core.encoded(id, undefined));
      },
    );
  else
    wait(
      () => codec.decodeMaybe(effect.body, first, effect.count),
      (messages) => host.answer((core) => core.decoded(id, messages, host.now)),
      (error) => host.answer((core) => core.decoded(id, undefined, host.now, error)),
    );
}
