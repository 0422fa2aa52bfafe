import { checkOptions } from '../../message/development.js';
import type { Wire } from '../../wire/wire.js';
import { channel, type Channel } from './channel.js';
import type { ChannelOptions } from './channelOptions.js';

/** A wire with a method for its channels. */
export interface WithChannels {
  /** Returns a channel of this wire; see {@link channel}. */
  readonly channel: (name: string, options?: ChannelOptions) => Channel;
}

/**
 * Adds a method `channel(name)` to a wire. It is a separate function, so that bundles without
 * channels stay small.
 *
 * @param options Defaults for all channels of the wire.
 * @example
 * import { connect, webSocket, withChannels } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const connected = withChannels(wire, { from: { last: 50 } });
 * connected.channel('room.1').subscribe(({ type }) => console.log(type));
 */
export function withChannels<W extends Wire>(wire: W, options: ChannelOptions = {}): W & WithChannels {
  checkOptions('withChannels', options);
  const find = (name: string, own?: ChannelOptions): Channel => channel(wire, name, { ...options, ...own });
  // Extends the same object: a copy would lose the identity of the wire.
  return Object.assign<W, WithChannels>(wire, { channel: find });
}
