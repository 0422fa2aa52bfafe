import { nanoid } from 'nanoid';
import { asyncScheduler } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { UnsupportedError } from '../errors.js';
import type { DescribedLink, Frame, Link } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import { NAME_PATTERN } from '../message/limits.js';
import type { Delivery, Message } from '../message/types.js';
import { session } from '../session/session.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { TokenSource } from '../session/token.js';
import { overEnvelopes } from './overEnvelopes.js';
import { counted } from './traffic.js';
import { Wire, type WireParts } from './wire.js';
import type { WireOptions } from './wireOptions.js';

export interface ConnectOptions extends WireOptions {
  /** How the peer is reached: `webSocket(url)`, or a link of your own. */
  readonly link: Link<Frame> & DescribedLink;
  /** How messages become frames. @default json() */
  readonly codec?: Codec;
  /** What is promised for each message that does not say it itself. @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** Names the wire, and is the `source` of what it sends. @default 21 random characters */
  readonly id?: string;
  /**
   * What shows the server who this is; it goes into the hello, never into an address. Asked for at each connection, and again before it expires. A throw is
   * a failure to connect: it is tried again, unless it is an `UnauthorizedError`, which ends the wire. @default nothing
   */
  readonly token?: TokenSource;
  /** Where the messages are kept until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
  /** How both sides agree on what has arrived: `envelope` is for servers that know only envelopes and `ack` messages. @default 'session' */
  readonly protocol?: 'session' | 'envelope';
}

/**
 * Opens a wire: a Subject of messages over a link that is opened again whenever it is lost.
 *
 * A message is kept until the server has processed it, and sent again after each reconnect, in order; what comes twice is dropped. When
 * the server has forgotten the session, `at-least-once` sends again what may have arrived, and `exactly-once` gives it up. With
 * `at-most-once` a message is sent once, and nobody asks.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if `id` is no name.
 * @throws {UnsupportedError} At call time, for exactly-once, a token or a sealed codec over the envelope protocol.
 * @throws {ReconnectGivenUpError} Delivered, when `reconnect.maxRetries` attempts in a row have failed.
 * @throws {UnauthorizedError} Delivered, when the server does not let this client in.
 * @throws {ConnectionLostError} Delivered, when another close code says that reconnecting is of no use.
 * @throws {StoreError} Delivered, when the outbox cannot be opened, or has another owner.
 * @example
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), reconnect: { initialInterval: 500 } });
 * wire.next(createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: 'console.log(6 * 7)' }));
 * wire.pipe(ofType('execution.output')).subscribe(({ payload }) => console.log(payload.data));
 */
export function connect(options: ConnectOptions): Wire {
  const { link, delivery = 'at-least-once', id = nanoid(), scheduler = asyncScheduler, protocol = 'session' } = options;
  if (!NAME_PATTERN.test(id)) throw new TypeError(`connect: "id" must match ${NAME_PATTERN.source}, got ${id}`);

  const open = (protocol === 'session' ? overSession : overEnvelope)({ ...options, id });
  return new Wire({
    ...{ ...options, id, delivery, scheduler, open },
    get protocol() {
      return link.protocol ?? 'custom';
    },
    get endpoint() {
      return link.endpoint ?? '';
    },
  });
}

type Settings = ConnectOptions & { readonly id: string };

function overSession({ link, codec = json(), ...options }: Settings): (parts: WireParts) => Link<Message> {
  return ({ traffic, ...parts }) => session(codec, { ...options, ...parts })(counted(traffic, options.scheduler)(link));
}

/** 43 characters of 6 bits: 258 random bits. */
const SECRET_LENGTH = 43;

function overEnvelope({ link, codec = json(), delivery = 'at-least-once', ...options }: Settings): (parts: WireParts) => Link<Message> {
  if (options.token) throw new UnsupportedError('connect: "token" is not for envelopes');
  if (delivery === 'exactly-once') throw new UnsupportedError('connect: "delivery" cannot be exactly-once with envelopes');
  if (codec.isSealed) throw new UnsupportedError('connect: "codec" cannot seal envelopes');
  const { id: source, scheduler } = options;
  const secret = nanoid(SECRET_LENGTH);
  let resume = false;
  const greeting = (): Message => {
    const hello = createMessage('system.hello', { session: secret, resume, delivery }, { source, ...(scheduler && { scheduler }) });
    resume = true;
    return hello;
  };
  return (parts) => overEnvelopes(link, codec, { ...options, delivery, greeting }, parts);
}
