import { NAME_PATTERN } from '../message/messageLimits.js';

export type NatsSubjects = ReturnType<typeof createNatsSubjects>;

/**
 * Creates the subjects of the channels, and of the epoch marker. Names of channels may contain
 * dots, which separate tokens of a subject, and no `=`. Dots are replaced by `=`, so that each
 * channel is one token. An invalid name of a channel is a TypeError.
 */
export function createNatsSubjects(stream: string) {
  const [prefix, epoch, live] = [`${stream}.channel.`, `${stream}.epoch`, `${stream}.live.`];
  return {
    epoch,
    /** The subjects of all channels. */
    channels: `${prefix}*`,
    /** Where JetStream copies each stored entry to. */
    republish: { src: `${prefix}*`, dest: `${live}{{wildcard(1)}}` },
    of: (channel: string): string => prefix + tokenOf(channel),
    /**
     * The subject of what the tails of a channel receive: stored entries, and messages that are not
     * stored. It is not part of the stream.
     */
    liveOf: (channel: string): string => live + tokenOf(channel),
    /** Returns the channel of a subject; undefined for other subjects. */
    channelOf: (subject: string): string | undefined => {
      const channel = subject.startsWith(prefix) ? subject.slice(prefix.length).replaceAll('=', '.') : '';
      return NAME_PATTERN.test(channel) ? channel : undefined;
    },
  };
}

function tokenOf(channel: string): string {
  if (!NAME_PATTERN.test(channel)) throw new TypeError(`natsChannelLog: the name of a channel must match ${NAME_PATTERN.source}`);
  return channel.replaceAll('.', '=');
}
