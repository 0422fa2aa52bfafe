import type { ChannelPosition } from '../message/channelTypes.js';
import { step } from './channelPosition.js';
import type { ChannelGap } from './channelState.js';

/** The number of joins at one position. After them, the messages behind it are lost. */
const MAX_REPAIRS = 3;

/**
 * Returns a function that returns whether another join may bring the messages that are missing
 * behind a position. So a message that never arrives does not make a client join for ever.
 */
export function createGapRepairs(): (at: ChannelPosition, next: ChannelPosition | undefined) => boolean {
  let latest: ChannelPosition | undefined;
  let repairs = 0;
  return (at, next) => {
    repairs = step(latest, at) === 'repeat' ? repairs + 1 : 1;
    latest = at;
    return at.epoch !== next?.epoch || repairs <= MAX_REPAIRS;
  };
}

/** Returns the gap of messages that do not arrive. @param next Where delivery continues. */
export const undeliverable = (after: ChannelPosition, next: number): ChannelGap => ({
  reason: 'undeliverable',
  after,
  next: { epoch: after.epoch, offset: next },
});
