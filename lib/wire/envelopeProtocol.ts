import { nanoid } from 'nanoid';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { UnsupportedError } from '../errors.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import type { Protocol } from './connectOptions.js';
import { overEnvelopes } from './overEnvelopes.js';

/** 43 characters of 6 bits: 258 random bits. */
const SECRET_LENGTH = 43;

/**
 * That of docs/protocol-envelope.md, for servers that know nothing of sessions: envelopes, and `ack` messages that name them.
 *
 * @throws {UnsupportedError} From `connect`, at call time, for exactly-once, a token or a sealed codec: they need a session.
 * @example
 * const plain = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), protocol: envelopeProtocol });
 */
export const envelopeProtocol: Protocol = ({ link, codec: codecs = json(), delivery = 'at-least-once', ...options }) => {
  if (options.token) throw new UnsupportedError('connect: "token" is not for envelopes');
  if (delivery === 'exactly-once') throw new UnsupportedError('connect: "delivery" cannot be exactly-once with envelopes');
  const [codec] = [codecs].flat() as [Codec];
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
};
