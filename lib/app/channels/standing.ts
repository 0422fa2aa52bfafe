import { BehaviorSubject, Subject, type SchedulerLike } from 'rxjs';
import type { ChannelJoined } from '../../message/channelTypes.js';
import type { Wire } from '../../wire/wire.js';
import { createAsking } from './asking.js';
import type { ChannelGap, ChannelState, ChannelStatus } from './channelState.js';
import { createCourse, type Course } from './course.js';

export interface StandingParts {
  readonly channel: string;
  readonly wire: Wire;
  readonly history: number;
  readonly joinTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Whether somebody wants to know who is in. */
  readonly isWatched: () => boolean;
}

/** How a client stands to one channel, and how far it has come in it. */
export interface Standing {
  readonly state$: BehaviorSubject<ChannelState>;
  readonly gaps$: Subject<ChannelGap>;
  readonly is: (...statuses: readonly ChannelStatus[]) => boolean;
  /** Whether this is about the join that was asked for last. */
  readonly isLatest: (join: number | undefined) => boolean;
  /** Whether a message is news. */
  readonly accept: Course['accept'];
  /** Asks to be let in, or what was missed. */
  readonly ask: () => void;
  readonly enter: (joined: ChannelJoined) => void;
  readonly stop: (end: ChannelState) => void;
}

export function createStanding({ channel, wire, history, joinTimeout, scheduler, isWatched }: StandingParts): Standing {
  const state$ = new BehaviorSubject<ChannelState>({ status: 'left' });
  const gaps$ = new Subject<ChannelGap>();
  const asking = createAsking(wire, channel, joinTimeout, scheduler);
  const change = (update: ChannelState): void => state$.next({ ...state$.value, ...update });
  const course = createCourse((gap) => {
    change({ status: 'gap', gap });
    gaps$.next(gap);
  });

  return {
    ...{ state$, gaps$ },
    is: (...statuses) => statuses.includes(state$.value.status),
    isLatest: (join) => join === undefined || join === asking.join,
    accept(delivery) {
      const isNews = course.accept(delivery);
      if (state$.value.status === 'gap') change({ status: 'joined' });
      return isNews;
    },
    ask() {
      const { position } = course;
      if (position) change({ status: 'recovering' });
      else state$.next({ status: 'joining' });
      asking.ask({ ...(position ? { after: position } : history > 0 && { history }), watch: isWatched() });
    },
    enter(joined) {
      asking.stop();
      course.start(joined);
      change({ status: 'joined', member: joined.member });
    },
    stop(end) {
      asking.stop();
      course.forget();
      state$.next(end);
    },
  };
}
