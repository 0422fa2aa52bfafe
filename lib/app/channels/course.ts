import type { ChannelDelivery, ChannelJoined, ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelGap } from './channelState.js';

/** How far a client has come in a channel, and what it has missed on the way. */
export interface Course {
  /** What came last; nothing, before the first join. */
  readonly position: ChannelPosition | undefined;
  /** Goes on where the server says. */
  start(joined: Omit<ChannelJoined, 'channel' | 'join' | 'member'>): void;
  /** Whether a message is news. */
  accept(delivery: Omit<ChannelDelivery<unknown>, 'channel' | 'message'>): boolean;
  forget(): void;
}

/** @param onGap Told before what comes behind the gap is. */
export function createCourse(onGap: (gap: ChannelGap) => void): Course {
  let position: ChannelPosition | undefined;

  const skip = (reason: ChannelGap['reason'], next: ChannelPosition): void => {
    if (position) onGap({ reason: position.epoch === next.epoch ? reason : 'epoch', after: position, next });
  };
  return {
    get position() {
      return position;
    },
    start({ epoch, offset, complete }) {
      if (!complete) skip('history', { epoch, offset: offset + 1 });
      position = { epoch, offset };
    },
    accept({ epoch, offset, after = offset - 1 }) {
      const isSame = position?.epoch === epoch;
      if (isSame && offset <= (position?.offset ?? 0)) return false;
      if (!isSame || after > (position?.offset ?? 0)) skip('overflow', { epoch, offset });
      position = { epoch, offset };
      return true;
    },
    forget: () => void (position = undefined),
  };
}
