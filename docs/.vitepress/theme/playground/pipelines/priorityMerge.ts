import { map, timer, type Observable } from 'rxjs';
import { MessagePriority, priorityMerge } from 'rxwire';

export const lines = { source: '-abcDE-----------|' };
export const outputs = ['dropped'];
export const choices = { overflow: ['drop-oldest', 'drop-newest', 'drop-lowest', 'error'] as const };
export const options = { takes: 3, concurrency: 1, maxSize: 10, maxAge: 50, overflow: 'drop-oldest' as (typeof choices.overflow)[number] };

/** A capital letter is urgent. Each letter takes `takes` ms. */
export const pipeline =
  ({ takes, ...limits }: typeof options) =>
  (source: Observable<string>, { dropped }: Record<'dropped', (letter: string) => void>) =>
    source.pipe(
      priorityMerge((letter) => timer(takes).pipe(map(() => letter)), {
        ...limits,
        priority: (letter) => (letter < 'a' ? MessagePriority.HIGH : MessagePriority.NORMAL),
        onDrop: dropped,
      }),
    );
