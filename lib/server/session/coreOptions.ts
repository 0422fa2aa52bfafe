import type { CoreOptions } from '../../core/coreTypes.js';
import type { Message } from '../../message/types.js';
import { isContextFree } from '../encodingOnce.js';
import { digestOf, randomName } from '../nodePlatform.js';
import type { WiresOptions } from '../serverOptions.js';
import { standInsFor } from '../hub/standIns.js';
import { HostCodec } from '../../wire/session/hostCodec.js';
import { sessionDefaults } from '../../wire/session/sessionOptions.js';

/**
 * How long the ack of a channel's message may wait, in ms: a member that has missed a message gets
 * it again by its position.
 */
const CHANNEL_ACK_DELAY = 5_000;

/**
 * Returns a function that returns the options of a client's core, by the name of its outbox. All
 * sessions share them, unless a codec depends on the client.
 */
export function coreOptions(options: WiresOptions): (pid: string) => CoreOptions {
  const { codecs, pingInterval, ackDelay } = options;
  const defaults = sessionDefaults(options);
  const optionsOf = (pid: string): CoreOptions => ({
    ...defaults,
    id: '',
    codecs: codecs.map((codec) => new HostCodec(codec, 'to-client', { pid })),
    // A server has many idle sessions: their clients ping.
    measuresLatency: false,
    checksPeer: options.hibernates !== true,
    pingInterval,
    ackDelayOf: (messages) => (ackDelay > 0 && messages.every(isOfChannel) ? CHANNEL_ACK_DELAY : ackDelay),
    standInsFor,
    secret: secretOf,
    // An inbox stores what the server remembers of the tokens.
    ...(options.inbox && { digest: digestOf }),
  });
  const shared = optionsOf('');
  return codecs.every(isContextFree) ? () => shared : optionsOf;
}

/** Returns a secret of so many characters, which hold all whole bytes that fit. */
const secretOf = (length: number): string => randomName(Math.floor((length * 3) / 4));

const isOfChannel = ({ type }: Message): boolean => type === 'channel.message';
