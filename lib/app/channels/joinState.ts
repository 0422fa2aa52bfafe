import { BehaviorSubject, Subject, type SchedulerLike } from 'rxjs';
import type { ChannelJoined } from '../../message/channelTypes.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelTimeoutError } from '../../errors.js';
import { createChannelReaders, isReached, type ChannelReader, type ChannelReaders } from './channelReaders.js';
import type { Received, ReceivedMessage } from './channelPayloads.js';
import { createJoinRetry } from './joinRetry.js';
import type { ChannelGap, ChannelState, ChannelStatus } from './channelState.js';
import { createOffsetTracker } from './offsetTracker.js';

export interface JoinStateOptions {
  readonly channel: string;
  readonly wire: Wire;
  readonly answerTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Whether `presence$` has subscribers. */
  readonly wantsPresence: () => boolean;
}

/** The state of a client in one channel, and its readers. */
export interface JoinState {
  readonly state$: BehaviorSubject<ChannelState>;
  readonly gaps$: Subject<ChannelGap>;
  readonly readers: Pick<ChannelReaders, 'deliver' | 'end'>;
  readonly status: () => ChannelStatus;
  /** Returns whether a number is that of the latest join request. */
  readonly isLatest: (join: number | undefined) => boolean;
  /**
   * Adds a reader. Sends a join request, unless the messages of the reader arrive anyway, or the
   * hub has not answered the previous request.
   */
  readonly add: (reader: ChannelReader) => void;
  /** Removes a reader. Returns whether it was the last one. */
  readonly remove: (reader: ChannelReader) => boolean;
  /**
   * Moves the readers to a message. Returns those that receive it: none when it was received
   * before, or is behind missed messages, which are requested again. All of them receive an
   * ephemeral message, which is neither a repeat nor behind a gap.
   */
  readonly accept: (received: ReceivedMessage) => readonly ChannelReader[];
  /** Reports a gap of the subscribers of the channel. */
  readonly reportGap: (gap: ChannelGap) => void;
  /** Sends a join request for the messages after the lowest position. */
  readonly requestJoin: () => void;
  readonly confirmJoin: (joined: Received<ChannelJoined>) => void;
  readonly stop: (end: ChannelState) => void;
}

/** Returns whether the client waits for the answer to a join request. */
export const isJoining = (status: ChannelStatus): boolean => status === 'joining' || status === 'recovering';
/** Returns whether the client has left, was refused, or has received the end of the channel. */
export const isOut = (status: ChannelStatus): boolean => status === 'left' || status === 'refused' || status === 'ended';

/** @param onUnanswered Called when the server does not answer a join request in time. */
export function createJoinState(options: JoinStateOptions, onUnanswered: (error: ChannelTimeoutError) => void): JoinState {
  const { wantsPresence } = options;
  const state$ = new BehaviorSubject<ChannelState>({ status: 'left' });
  const gaps$ = new Subject<ChannelGap>();
  const readers = createChannelReaders();
  const offsets = createOffsetTracker();
  const joinRetry = createJoinRetry(options, (error) => {
    change({ status: status(), error });
    onUnanswered(error);
  });
  const status = (): ChannelStatus => state$.value.status;
  const change = ({ error, ...update }: ChannelState): void => {
    const { member, gap } = state$.value;
    state$.next({ ...(member !== undefined && { member }), ...(gap && { gap }), ...update, ...(error && { error }) });
  };
  const requestJoin = (): void => {
    const { position } = offsets;
    const place = readers.place(position?.epoch);
    if (position) change({ status: 'recovering' });
    else state$.next({ status: 'joining' });
    joinRetry.start({ ...place, watch: wantsPresence() });
  };
  const confirmReaders = (confirmed: readonly ChannelReader[]): void => {
    const isNew = confirmed.filter(({ isConfirmed }) => !isConfirmed);
    for (const reader of isNew) reader.isConfirmed = true;
    readers.notify(isNew, ({ position, onConfirmed }) => position && onConfirmed?.(position));
  };

  return {
    state$,
    gaps$,
    readers,
    status,
    isLatest: (join) => join === undefined || join === joinRetry.join,
    add(reader) {
      readers.add(reader);
      if ((status() === 'joined' || status() === 'gap') && isReached(offsets.position, reader.position)) confirmReaders([reader]);
      else if (!isJoining(status())) requestJoin();
    },
    remove: (reader) => readers.remove(reader) && readers.size() === 0,
    accept({ position, after }) {
      if (!position) return readers.all();
      const previous = offsets.position;
      const result = offsets.accept(position, after);
      if (result === 'missed') requestJoin();
      if (result !== 'next') return [];
      const { receivers, isInside } = readers.accept(position, after, previous);
      if (isInside) requestJoin();
      return receivers;
    },
    reportGap(gap) {
      const isJoined = status() === 'joined';
      change({ status: 'gap', gap });
      gaps$.next(gap);
      if (isJoined && status() === 'gap') change({ status: 'joined' });
    },
    requestJoin,
    confirmJoin(joined) {
      const { join } = joinRetry;
      joinRetry.stop();
      offsets.start(joined);
      const { gaps, isBehind } = readers.confirm(joined);
      if (gaps.size > 0) readers.notify([...gaps.keys()], (reader) => reader.onGap(gaps.get(reader) as ChannelGap));
      // A reader that has received its gap may have unsubscribed, or may have requested another
      // join.
      if (isOut(status()) || join !== joinRetry.join) return;
      if (isBehind) {
        requestJoin();
        return;
      }
      change({ status: 'joined', member: joined.member });
      confirmReaders(readers.all());
    },
    stop(end) {
      joinRetry.stop();
      offsets.reset();
      state$.next(end);
    },
  };
}
