import { nanoid } from 'nanoid';
import { asyncScheduler, pipe, Subject } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { UnsupportedError } from '../errors.js';
import type { DescribedLink, Frame, Link } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import { NAME_PATTERN } from '../message/limits.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import { envelopes, type EnvelopeOptions } from '../session/envelope/envelopes.js';
import { framed } from '../session/framed.js';
import { counted } from './traffic.js';
import { Wire, type WireParts } from './wire.js';

/** What `connect` and `listen` have in common. */
export interface WireOptions extends Omit<EnvelopeOptions, 'delivery' | 'greeting' | 'listening$' | 'unsendable$' | 'report'> {
  /** Bytes a frame may have, in either direction. @default 1 MiB */
  readonly maxFrame?: number;
}

export interface ConnectOptions extends WireOptions {
  /** How the peer is reached: `webSocket(url)`, or a link of your own. */
  readonly link: Link<Frame> & DescribedLink;
  /** How messages become frames. @default json() */
  readonly codec?: Codec;
  /** What is promised for each message. @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** Names the wire, and is the `source` of what it sends. @default 21 random characters */
  readonly id?: string;
}

/**
 * Opens a wire: a Subject of messages over a link that is opened again whenever it is lost.
 *
 * With `at-least-once`, a message is kept until the peer has acked it, sent again after each reconnect, in order, and
 * dropped by the peer's wire when it comes twice. With `at-most-once` it is sent once, and nobody asks.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if `id` is no name.
 * @throws {UnsupportedError} At call time, for `delivery: 'exactly-once'`, which this version does not have.
 * @throws {ReconnectGivenUpError} Delivered, when `reconnect.maxRetries` attempts in a row have failed.
 * @throws {ConnectionLostError} Delivered, when a close code says that reconnecting is of no use.
 * @example
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), reconnect: { initialInterval: 500 } });
 * wire.next(createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: 'console.log(6 * 7)' }));
 * wire.pipe(ofType('execution.output')).subscribe(({ payload }) => console.log(payload.data));
 */
export function connect(options: ConnectOptions): Wire {
  const { link, codec = json(), delivery = 'at-least-once', id = nanoid(), scheduler = asyncScheduler } = options;
  if (delivery === 'exactly-once') throw new UnsupportedError('connect: "delivery" cannot be exactly-once yet');
  if (!NAME_PATTERN.test(id)) throw new TypeError(`connect: "id" must match ${NAME_PATTERN.source}, got ${id}`);

  const session = nanoid(SECRET_LENGTH);
  let resume = false;
  const greeting = (): Message => {
    const hello = createMessage('system.hello', { session, resume, delivery }, { source: id, scheduler });
    resume = true;
    return hello;
  };
  const { protocol = 'custom', endpoint = '' } = link;
  const open = (parts: WireParts): Link<Message> => assemble(link, codec, { ...options, delivery, greeting }, parts);
  return new Wire({ id, protocol, endpoint, delivery, scheduler, open });
}

/** 43 characters of 6 bits: 258 random bits. */
const SECRET_LENGTH = 43;

/** The whole pipeline of a wire, from frames up to messages. */
export function assemble(link: Link<Frame>, codec: Codec, options: WireOptions & EnvelopeOptions, parts: WireParts): Link<Message> {
  const { listening$, traffic, report } = parts;
  const unsendable$ = new Subject<Receipt>();

  return pipe(
    counted(traffic, options.scheduler),
    framed(codec, {
      ...options,
      onBadFrame: (error) => report({ kind: 'error', error }),
      onUnsendable: ({ id }, error) => unsendable$.next({ id, status: 'dead', error }),
    }),
    envelopes({ ...options, listening$, unsendable$, report }),
  )(link);
}
