import { asapScheduler } from 'rxjs';
import { CallbackError, type RxwireError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { guard } from '../../internal/guard.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelOptions } from './channelOptions.js';
import { parsePosition, positionText } from './positionText.js';

/** Stores the position of a channel. */
export interface PositionMemory {
  /** Returns the stored position. */
  read(): ChannelPosition | undefined;
  /** Stores a position at the end of the microtask. */
  write(position: ChannelPosition): void;
}

/** @param report Called with the error of a storage that throws. The channel continues. */
export function createPositionMemory(
  channel: string,
  { remember: storage, microtask = asapScheduler }: Pick<ChannelOptions, 'remember' | 'microtask'>,
  report: (error: RxwireError) => void,
): PositionMemory {
  const key = `rxwire:${channel}`;
  let latest: ChannelPosition | undefined;

  const failed = (cause: unknown): void => report(new CallbackError('remember', cause));
  const timer = createCoalescedTimer(microtask, () => guard(() => latest && storage?.setItem(key, positionText(latest)), failed));
  return {
    read: () => parsePosition(guard(() => storage?.getItem(key), failed) ?? ''),
    write(position) {
      if (!storage) return;
      latest = position;
      timer.set(0);
    },
  };
}
