import { createRing } from '../../internal/ring.js';
import type { Message } from '../../message/types.js';

/** Messages that wait: one lane for each priority, in order of coming within each. */
export function createLanes() {
  const lanes = [0, 1, 2, 3].map(() => createRing<Message>());
  const urgentFirst = [...lanes].reverse();
  const shift = (order: typeof lanes): Message | undefined => order.find(({ size }) => size > 0)?.shift();

  return {
    /** What has no priority is NORMAL, as is what has none that exists: the codec will refuse it. */
    push: (message: Message): void => (lanes[message.priority ?? 1] ?? lanes[1])?.push(message),
    shiftMostUrgent: () => shift(urgentFirst),
    shiftLeastUrgent: () => shift(lanes),
  };
}
