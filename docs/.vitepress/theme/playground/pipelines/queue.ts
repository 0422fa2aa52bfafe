import { ignoreElements, map, merge, tap, timer, type Observable } from 'rxjs';
import { createMessage, MessagePriority, queue } from 'rxwire';

export const lines = { source: '-abCdE-----------|' };
export const outputs = ['dropped'];
export const choices = { order: ['priority', 'fifo'] as const };
export const options = { takes: 3, concurrency: 1, maxSize: 10, maxAge: 50, order: 'priority' as (typeof choices.order)[number] };

/** A capital letter is urgent. A processor takes `takes` ms for each letter. */
export const pipeline =
  ({ takes, concurrency, ...limits }: typeof options) =>
  (source: Observable<string>, { dropped }: Record<'dropped', (letter: string) => void>) => {
    const { next, process, drops$, close } = queue('letters', limits);
    drops$.subscribe(({ message }) => dropped(message.id));
    const add = (id: string): void =>
      next(createMessage('letter', null, { id, priority: id < 'a' ? MessagePriority.HIGH : MessagePriority.NORMAL }));
    return merge(
      process(() => timer(takes), { concurrency }).pipe(map(({ message }) => message.id)),
      source.pipe(tap({ next: add, complete: close }), ignoreElements()),
    );
  };
