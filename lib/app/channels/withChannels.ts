import type { Wire } from '../../wire/wire.js';
import { channel, type Channel } from './channel.js';
import type { ChannelOptions } from './channelOptions.js';

/** A wire that has its channels with it. */
export interface WithChannels {
  /** A channel of this wire; see {@link channel}. */
  readonly channel: (name: string, options?: ChannelOptions) => Channel;
}

/**
 * Gives a wire a method `channel(name)`. It is a function of its own, so that who has no channels does not pay for them.
 *
 * @param options For all its channels, where they do not say otherwise.
 * @example
 * const connected = withChannels(wire, { history: 50 });
 * connected.channel('room.1').subscribe(({ type }) => draw(type));
 */
export function withChannels<W extends Wire>(wire: W, options: ChannelOptions = {}): W & WithChannels {
  const find = (name: string, own?: ChannelOptions): Channel => channel(wire, name, { ...options, ...own });
  // The same wire, and no copy: it goes on being what it is.
  return Object.assign<W, WithChannels>(wire, { channel: find });
}
