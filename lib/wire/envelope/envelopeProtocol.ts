import { nanoid } from 'nanoid';
import { map, pipe, Subject, tap, type SchedulerLike } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import { UnsupportedError } from '../../message/errors.js';
import { assertAbsent } from '../../message/development.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Frame, Layer, Link } from '../../io/link.js';
import { createMessage } from '../../message/createMessage.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { countFrame, type ByteCounts } from '../session/encoding.js';
import { frameLayer } from './framed.js';
import type { Protocol } from '../connect.js';
import type { Report } from '../session/sessionEvents.js';
import type { WireParts } from '../wire.js';
import { envelopeLayer, type EnvelopeOptions } from './envelopes.js';

/** 43 characters of 6 bits: 258 random bits. */
const SECRET_LENGTH = 43;

/**
 * The protocol of docs/protocol-envelope.md, for servers without sessions: envelopes, and `ack`
 * messages that name them.
 *
 * @throws {UnsupportedError} From `connect`, at call time, for exactly-once, a token or a sealed
 *   codec: they need a session.
 * @throws {TypeError} From `connect`, at call time, for an option that only the session protocol
 *   uses.
 * @example
 * import { connect, envelopeProtocol, webSocket } from 'rxwire';
 *
 * const plain = connect({
 *   link: webSocket('ws://127.0.0.1:4870/wire'),
 *   protocol: envelopeProtocol,
 * });
 */
export const envelopeProtocol: Protocol = ({ link, codec: codecs = json(), delivery = 'at-least-once', ...options }) => {
  if (options.token) throw new UnsupportedError('connect: "token" needs a session, which envelopeProtocol does not have');
  if (delivery === 'exactly-once')
    throw new UnsupportedError('connect: "delivery" must not be exactly-once with envelopeProtocol, which has no session');
  const [codec] = [codecs].flat() as [Codec];
  if (codec.isSealed) throw new UnsupportedError('connect: "codec" must not be sealed with envelopeProtocol, which has no session');
  assertAbsent('connect', options, SESSION_OPTIONS, 'sessionProtocol');
  const { id: source, scheduler } = options;
  const secret = nanoid(SECRET_LENGTH);
  let resume = false;
  const firstMessage = (): Message => {
    const hello = createMessage('system.hello', { session: secret, resume, delivery }, { source, ...(scheduler && { scheduler }) });
    resume = true;
    return hello;
  };
  return (parts) => envelopeLink(link, codec, { ...options, delivery, firstMessage }, parts);
};

const SESSION_OPTIONS = ['outbox', 'inbox', 'windowBytes', 'overflow', 'onDead', 'handshakeTimeout', 'ackDelay'] as const;

/** Returns a link for messages over a link for frames, for peers that know only envelopes. */
export function envelopeLink(
  link: Link<Frame>,
  codec: Codec,
  { id, ...options }: EnvelopeOptions & { readonly id: string; readonly maxFrame?: number },
  parts: WireParts,
  report: Report = (event) => parts.report(event),
): Link<Message> {
  const unsendable$ = new Subject<Receipt>();
  const messages = pipe(
    counted(parts.traffic, options.scheduler),
    frameLayer(codec, {
      ...options,
      onBadFrame: (error) => report({ kind: 'error', error }),
      onUnsendable: ({ id }, error) => unsendable$.next({ id, status: 'dead', error }),
    }),
    envelopeLayer({
      ...options,
      unsendable$,
      whenSubscribed: (callback) => parts.whenSubscribed(callback),
      report,
      deadLetter: (letter) => parts.deadLetter(letter),
    }),
  )(link);
  return (outgoing) => messages(outgoing.pipe(map((message) => (message.source ? message : { ...message, source: id }))));
}

function counted(traffic: ByteCounts, scheduler: SchedulerLike = steadyScheduler()): Layer<Frame> {
  const count = (direction: 'bytesSent' | 'bytesReceived') => tap<Frame>((frame) => countFrame(traffic, direction, frame, scheduler.now()));
  return (link) => (outgoing) => link(outgoing.pipe(count('bytesSent'))).pipe(count('bytesReceived'));
}
