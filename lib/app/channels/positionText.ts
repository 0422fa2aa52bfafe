import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelStart } from './channelOptions.js';

/** Returns a position as a text that can be stored anywhere. */
export function positionText({ epoch, offset }: ChannelPosition): string {
  return `${offset}.${epoch}`;
}

/**
 * Returns the position in a text; `undefined` for a text that {@link positionText} has not
 * returned.
 */
export function parsePosition(text: string): ChannelPosition | undefined {
  const [, offset, epoch] = /^(\d{1,15})\.(.{1,128})$/s.exec(text) ?? [];
  return offset === undefined || epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}

/** Returns the position that a place names; `undefined` for a place that is none. */
export function positionOf(place: ChannelStart): ChannelPosition | undefined {
  if (typeof place === 'string') return parsePosition(place);
  return 'last' in place ? undefined : place;
}
