import { NAME_PATTERN } from '../message/messageLimits.js';

/** The subjects of the channels, and of the epoch marker. */
export interface NatsSubjects {
  /** All subjects of the stream. */
  readonly all: readonly [channels: string, epoch: string];
  readonly epoch: string;
  /** Where JetStream copies each stored entry to. */
  readonly republish: { readonly src: string; readonly dest: string };
  /** @throws {TypeError} If the name of the channel is invalid. */
  readonly of: (channel: string) => string;
  /**
   * The subject of what the tails of a channel receive: stored entries, and messages that are not
   * stored. It is not part of the stream.
   *
   * @throws {TypeError} If the name of the channel is invalid.
   */
  readonly liveOf: (channel: string) => string;
  /** Returns the channel of a subject; undefined for other subjects. */
  readonly channelOf: (subject: string) => string | undefined;
}

/**
 * Names of channels may contain dots, which separate tokens of a subject, and no `=`. Dots are
 * replaced by `=`, so that each channel is one token.
 */
export function createNatsSubjects(stream: string): NatsSubjects {
  const [prefix, epoch, live] = [`${stream}.channel.`, `${stream}.epoch`, `${stream}.live.`];
  return {
    all: [`${prefix}*`, epoch],
    epoch,
    republish: { src: `${prefix}*`, dest: `${live}{{wildcard(1)}}` },
    of: (channel) => prefix + tokenOf(channel),
    liveOf: (channel) => live + tokenOf(channel),
    channelOf(subject) {
      const channel = subject.startsWith(prefix) ? subject.slice(prefix.length).replaceAll('=', '.') : '';
      return NAME_PATTERN.test(channel) ? channel : undefined;
    },
  };
}

function tokenOf(channel: string): string {
  if (!NAME_PATTERN.test(channel)) throw new TypeError(`natsChannelLog: the name of a channel must match ${NAME_PATTERN.source}`);
  return channel.replaceAll('.', '=');
}
