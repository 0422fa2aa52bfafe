import { NAME_PATTERN } from '../message/limits.js';

/** Where the channels of a stream are, and the mark of its epoch. */
export interface Subjects {
  /** All that the stream takes. */
  readonly all: readonly [channels: string, epoch: string];
  readonly epoch: string;
  /** @throws {TypeError} If that is no name of a channel. */
  readonly of: (channel: string) => string;
  /** The channel of a subject; nothing, for another one. */
  readonly channelOf: (subject: string) => string | undefined;
}

/** Names of channels have dots anywhere, which would part a subject, and no `=`: one stands for the other, so that each channel is one word. */
export function createSubjects(stream: string): Subjects {
  const [prefix, epoch] = [`${stream}.channel.`, `${stream}.epoch`];
  return {
    all: [`${prefix}*`, epoch],
    epoch,
    of(channel) {
      if (!NAME_PATTERN.test(channel)) throw new TypeError(`natsChannelLog: the name of a channel must match ${NAME_PATTERN.source}`);
      return prefix + channel.replaceAll('.', '=');
    },
    channelOf(subject) {
      const channel = subject.startsWith(prefix) ? subject.slice(prefix.length).replaceAll('=', '.') : '';
      return NAME_PATTERN.test(channel) ? channel : undefined;
    },
  };
}
