import { map, timer, type Observable } from 'rxjs';
import type { Message, RetryBackoffConfig } from '../../../lib/index.js';
import type { Life } from '../life.js';
import { MOST_ATTEMPTS } from './ledger.js';
import { isPoison, type HourSetting } from './setting.js';

/** What a handler throws. */
class HourError extends Error {
  constructor(readonly code: string) {
    super(`the hour has ${code}`);
  }
}

/** What all handlers do: they take their time, and fail at random, each time in another way. */
export function createWork(life: Life, { chance, plan, ledger, say }: HourSetting): (message: Message) => Observable<unknown> {
  return (message) => {
    const isFailing = isPoison(message) || chance.hit(plan.failing);
    const end = (): void => {
      if (!isFailing) return;
      const code = `E_${chance.whole(1, 9)}`;
      ledger.threw(message.id, life, code);
      say(life.name, () => `fails with ${message.id}: ${code}`);
      throw new HourError(code);
    };
    return timer(chance.skewed(0, plan.handling), life.scheduler).pipe(map(end));
  };
}

/** How all handlers are tried again. */
export function retryOf({ chance }: HourSetting): Omit<RetryBackoffConfig, 'scheduler' | 'resetOnSuccess'> {
  return { initialInterval: 100, maxRetries: MOST_ATTEMPTS - 1, jitter: 1, random: chance.random };
}
