import type { ChannelPosition } from '../../message/channelTypes.js';

/** Tracks the position up to which a hub has sent the messages of a channel. */
export interface OffsetTracker {
  /** The position of the last message; undefined before the first join. */
  readonly position: ChannelPosition | undefined;
  /** Continues at the position that the server has confirmed. */
  start(position: ChannelPosition): void;
  /**
   * Returns `repeat` for a message that was received before, and `missed` for one behind messages
   * that were not.
   */
  accept(position: LoggedPosition): 'next' | 'repeat' | 'missed';
  reset(): void;
}

/**
 * The position of a message. `after` is the offset of the previous message, if it is
 * not `offset` − 1.
 */
export interface LoggedPosition extends ChannelPosition {
  readonly after?: number;
}

export function createOffsetTracker(): OffsetTracker {
  let position: ChannelPosition | undefined;

  return {
    get position() {
      return position;
    },
    start: ({ epoch, offset }) => void (position = { epoch, offset }),
    accept({ epoch, offset, after = offset - 1 }) {
      const isSameEpoch = position?.epoch === epoch;
      if (isSameEpoch && offset <= (position?.offset ?? 0)) return 'repeat';
      if (!isSameEpoch || after > (position?.offset ?? 0)) return 'missed';
      position = { epoch, offset };
      return 'next';
    },
    reset: () => void (position = undefined),
  };
}
