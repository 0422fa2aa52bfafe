import type { ChannelJoined, ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelGap } from './channelState.js';

/** Tracks the position of a client in a channel, and detects gaps. */
export interface OffsetTracker {
  /** The position of the last message; undefined before the first join. */
  readonly position: ChannelPosition | undefined;
  /** Continues at the position that the server has confirmed. */
  start(joined: Omit<ChannelJoined, 'channel' | 'join' | 'member'>): void;
  /** Returns false for a message that was received before. */
  accept(position: LoggedPosition): boolean;
  reset(): void;
}

/** The position of a message. `after` is the offset of the previous message, if it is not `offset` − 1. */
export interface LoggedPosition extends ChannelPosition {
  readonly after?: number;
}

/** @param onGap Called before the message behind the gap is accepted. */
export function createOffsetTracker(onGap: (gap: ChannelGap) => void): OffsetTracker {
  let position: ChannelPosition | undefined;

  const reportGap = (reason: ChannelGap['reason'], next: ChannelPosition): void => {
    if (position) onGap({ reason: position.epoch === next.epoch ? reason : 'epoch', after: position, next });
  };
  return {
    get position() {
      return position;
    },
    start({ epoch, offset, complete }) {
      if (!complete) reportGap('history', { epoch, offset: offset + 1 });
      position = { epoch, offset };
    },
    accept({ epoch, offset, after = offset - 1 }) {
      const isSameEpoch = position?.epoch === epoch;
      if (isSameEpoch && offset <= (position?.offset ?? 0)) return false;
      if (!isSameEpoch || after > (position?.offset ?? 0)) reportGap('overflow', { epoch, offset });
      position = { epoch, offset };
      return true;
    },
    reset: () => void (position = undefined),
  };
}
