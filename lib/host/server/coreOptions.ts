import type { SessionOptions } from '../../core/sessionTypes.js';
import { isContextFree } from '../../server/encodingOnce.js';
import { digestOf, randomName } from '../../server/nodePlatform.js';
import type { WiresOptions } from '../../server/serverOptions.js';
import { ackDelayOf } from '../../server/session/fanOut.js';
import { DEFAULTS } from '../../session/endpointOptions.js';
import { HostCodec } from '../hostCodec.js';
import { sessionDefaults } from '../sessionDefaults.js';

/**
 * Returns a function that returns the options of a client's core, by the name of its outbox. All
 * sessions share them, unless a codec depends on the client.
 */
export function coreOptions(options: WiresOptions & { readonly hibernateAfter?: number }): (pid: string) => SessionOptions {
  const { codecs, pingInterval, hibernateAfter, ackDelay = DEFAULTS.ackDelay } = options;
  const defaults = sessionDefaults(options);
  const optionsOf = (pid: string): SessionOptions => ({
    ...defaults,
    id: '',
    // The hello of a client chooses it.
    delivery: DEFAULTS.delivery,
    codecs: codecs.map((codec) => new HostCodec(codec, { sends: 'to-client', pid, maxBody: defaults.maxFrame })),
    // A server has many idle sessions: their clients ping.
    measuresLatency: hibernateAfter === Infinity,
    pingInterval,
    ackDelayOf: (messages) => ackDelayOf(messages, ackDelay),
    secret: secretOf,
    // An inbox stores what the server remembers of the tokens.
    ...(options.inbox && { digest: digestOf }),
  });
  const shared = optionsOf('');
  return codecs.every(isContextFree) ? () => shared : optionsOf;
}

/** Returns a secret of so many characters, 6 random bits each. */
const secretOf = (length: number): string => randomName(Math.ceil((length * 3) / 4)).slice(0, length);
