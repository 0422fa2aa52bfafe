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
   *
   * @param after The offset of the previous message.
   */
  accept(position: ChannelPosition, after: number): 'next' | 'repeat' | 'missed';
  reset(): void;
}

export function createOffsetTracker(): OffsetTracker {
  let position: ChannelPosition | undefined;

  return {
    get position() {
      return position;
    },
    start: ({ epoch, offset }) => void (position = { epoch, offset }),
    accept(next, after) {
      if (position?.epoch !== next.epoch) return 'missed';
      if (next.offset <= position.offset) return 'repeat';
      if (after > position.offset) return 'missed';
      position = next;
      return 'next';
    },
    reset: () => void (position = undefined),
  };
}
