import { asyncScheduler, defer, EMPTY, finalize, merge, of, share, Subject, takeUntil, type Observable } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import { endOf } from '../../internal/endOf.js';
import { whileUsed } from '../../internal/whileUsed.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelOptions } from './channelOptions.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import type { Presence } from './presence.js';
import { createRoster } from './roster.js';
import { createStay } from './stay.js';
import type { Switchboard } from './switchboard.js';

/** One channel, as a client sees it: it is in while somebody listens. */
export interface Membership {
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
}

export function createMembership(channel: string, wire: Wire, switchboard: Switchboard, options: ChannelOptions): Membership {
  const { history = 0, joinTimeout = 10_000, scheduler = asyncScheduler } = options;
  const roster = createRoster();
  let inbox = new Subject<Message>();
  /** Whether the wire has ended. */
  let isOver = false;

  const watching = whileUsed(
    () => stay.watch(),
    () => {
      roster.forget();
      stay.watch();
    },
  );
  const stay = createStay({
    ...{ channel, wire, history, joinTimeout, scheduler, roster },
    isWatched: watching.isUsed,
    emit: (message) => inbox.next(message),
    onRefused: (error) => inbox.error(error),
  });
  const end = (error: unknown): void => {
    isOver = true;
    stay.end();
    if (error === undefined) inbox.complete();
    else inbox.error(error);
  };
  const plugged = whileUsed(
    () => switchboard.plug(channel, { ...stay, end }),
    () => switchboard.unplug(channel),
  );
  const joined$ = defer(() => {
    // It has ended, when the wire has.
    if (!isOver) stay.enter();
    return inbox.pipe(finalize(stay.leave));
  });
  const messages$ = defer(() => {
    inbox = new Subject();
    isOver = false;
    return plugged.by(joined$);
  }).pipe(share());
  const roster$ = defer(() => {
    const known = roster.current();
    return merge(known ? of(known) : EMPTY, roster.changes$).pipe(takeUntil(endOf(messages$)));
  });

  return { messages$, presence$: watching.by(roster$), state$: stay.state$, gaps$: stay.gaps$, errors$: plugged.by(stay.errors$) };
}
