import { BehaviorSubject, Subject, type SchedulerLike } from 'rxjs';
import type { ChannelJoined } from '../../message/channelTypes.js';
import type { Wire } from '../../wire/wire.js';
import { createJoinRetry } from './joinRetry.js';
import type { ChannelGap, ChannelState, ChannelStatus } from './channelState.js';
import { createOffsetTracker, type OffsetTracker } from './offsetTracker.js';

export interface JoinStateOptions {
  readonly channel: string;
  readonly wire: Wire;
  readonly history: number;
  readonly answerTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Whether `presence$` has subscribers. */
  readonly wantsPresence: () => boolean;
}

/** The state of a client in one channel, and its position. */
export interface JoinState {
  readonly state$: BehaviorSubject<ChannelState>;
  readonly gaps$: Subject<ChannelGap>;
  readonly is: (...statuses: readonly ChannelStatus[]) => boolean;
  /** Returns whether a number is that of the latest join request. */
  readonly isLatest: (join: number | undefined) => boolean;
  /** Returns false for a message that was received before. */
  readonly accept: OffsetTracker['accept'];
  /** Sends a join request, with the last position if there is one. */
  readonly requestJoin: () => void;
  readonly confirmJoin: (joined: ChannelJoined) => void;
  readonly stop: (end: ChannelState) => void;
}

export function createJoinState({ channel, wire, history, answerTimeout, scheduler, wantsPresence }: JoinStateOptions): JoinState {
  const state$ = new BehaviorSubject<ChannelState>({ status: 'left' });
  const gaps$ = new Subject<ChannelGap>();
  const joinRetry = createJoinRetry(wire, channel, answerTimeout, scheduler);
  const change = (update: ChannelState): void => state$.next({ ...state$.value, ...update });
  const offsets = createOffsetTracker((gap) => {
    change({ status: 'gap', gap });
    gaps$.next(gap);
  });

  return {
    state$,
    gaps$,
    is: (...statuses) => statuses.includes(state$.value.status),
    isLatest: (join) => join === undefined || join === joinRetry.join,
    accept(delivery) {
      const isNew = offsets.accept(delivery);
      if (state$.value.status === 'gap') change({ status: 'joined' });
      return isNew;
    },
    requestJoin() {
      const { position } = offsets;
      if (position) change({ status: 'recovering' });
      else state$.next({ status: 'joining' });
      joinRetry.start({ ...(position ? { after: position } : history > 0 && { history }), watch: wantsPresence() });
    },
    confirmJoin(joined) {
      joinRetry.stop();
      offsets.start(joined);
      change({ status: 'joined', member: joined.member });
    },
    stop(end) {
      joinRetry.stop();
      offsets.reset();
      state$.next(end);
    },
  };
}
