import {
  asapScheduler,
  auditTime,
  catchError,
  defer,
  EMPTY,
  map,
  ReplaySubject,
  share,
  startWith,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { Channel } from '../app/channels/channel.js';
import type { Message } from '../message/types.js';

/**
 * The latest messages of one channel, which all components of a page share: they join once, and
 * each sees all of them.
 */
interface Collection {
  /** The largest number that one of them requests. */
  keep: number;
  readonly messages$: Observable<readonly Message[]>;
}

const collections = /* @__PURE__ */ new WeakMap<Channel, Collection>();

/**
 * Emits the latest messages of a channel, oldest first: now, and at the end of each microtask in
 * which some have arrived. Completes with the channel, also when it was refused or has failed,
 * which its state reports.
 *
 * @param keep How many.
 */
export function channelMessages<M extends Message>(channel: Channel<M>, keep: number, microtask?: SchedulerLike): Observable<readonly M[]> {
  const found = collections.get(channel) ?? createCollection(channel, microtask);
  collections.set(channel, found);
  found.keep = Math.max(found.keep, keep);
  return found.messages$.pipe(map((all) => (all.length > keep ? all.slice(-keep) : all) as readonly M[]));
}

function createCollection(channel: Channel, microtask: SchedulerLike = asapScheduler): Collection {
  const messages$ = defer(() => {
    const latest: Message[] = [];
    const add = (message: Message): void => {
      if (latest.push(message) > collection.keep) latest.shift();
    };
    return channel.pipe(
      tap(add),
      catchError(() => EMPTY),
      auditTime(0, microtask),
      startWith(undefined),
      map((): readonly Message[] => Object.freeze([...latest])),
    );
  });
  const collection: Collection = { keep: 1, messages$: messages$.pipe(share({ connector: () => new ReplaySubject(1) })) };
  return collection;
}
