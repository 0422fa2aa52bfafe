import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { Wire } from '../wire.js';
import { createMembers, type Member, type Members } from './members.js';
import type { Lease } from './poolOptions.js';
import type { WaitingRoom } from './waitingRoom.js';

export interface LendingOptions<W extends Wire> {
  readonly open: () => W;
  readonly min: number;
  readonly idleTimeout: number;
  readonly scheduler: SchedulerLike;
  readonly waiting: WaitingRoom<Lease<W>>;
  readonly onWorked: () => void;
  readonly onFailed: (error: unknown) => void;
  readonly onChange: () => void;
}

/** Who has which wire. */
export interface Lending<W extends Wire> {
  readonly members: Members<W>;
  /** A wire that is free, if there is one. */
  take(): Lease<W> | undefined;
  /** From now on, what is free is closed. */
  readonly close: () => void;
}

export function createLending<W extends Wire>({ waiting, onWorked, ...options }: LendingOptions<W>): Lending<W> {
  const { onChange, scheduler } = options;
  let isClosed = false;
  let isServing = false;

  const members = createMembers<W>({
    ...options,
    onFree(member) {
      onWorked();
      free(member);
    },
  });
  const reaper = createReaper(members, options);
  const free = (member: Member<W>): void => {
    if (isClosed) {
      members.close(member);
      return;
    }
    member.since = scheduler.now();
    members.addIdle(member);
    serve();
    reaper.wake();
  };
  const back = (member: Member<W>): void => {
    // One that is away comes back by itself when it is connected.
    if (member.isLive || isClosed) free(member);
  };
  const take = (): Lease<W> | undefined => {
    const member = members.takeIdle();
    return member && lend(member, { members, back, onChange });
  };
  /** A loop, not a recursion: who gets a wire may give it back at once. */
  const serve = (): void => {
    if (isServing) return;
    isServing = true;
    while (waiting.size() > 0 && members.idle.length > 0) waiting.give(take);
    isServing = false;
  };
  return {
    ...{ members, take },
    close() {
      isClosed = true;
      reaper.stop();
      for (const member of [...members.all]) if (!member.isLeased) members.close(member);
    },
  };
}

/** A wire that can be given back once, in one way or the other. */
function lend<W extends Wire>(
  member: Member<W>,
  { members, back, onChange }: { readonly members: Members<W>; readonly back: (member: Member<W>) => void; readonly onChange: () => void },
): Lease<W> {
  member.isLeased = true;
  onChange();
  let isOver = false;
  const end = (then: (member: Member<W>) => void) => (): void => {
    if (isOver) return;
    isOver = true;
    member.isLeased = false;
    if (members.all.has(member)) then(member);
    onChange();
  };
  return { wire: member.wire, release: end(back), discard: end(members.close) };
}

/** Closes what nobody has used for long, down to the fewest there may be. */
function createReaper<W extends Wire>(
  members: Members<W>,
  { min, idleTimeout, scheduler }: Pick<LendingOptions<W>, 'min' | 'idleTimeout' | 'scheduler'>,
) {
  const isTooMany = (): boolean => members.count(({ isClosing }) => !isClosing) > min;
  const wake = (): void => {
    const [oldest] = members.idle;
    if (oldest && isTooMany()) alarm.set(Math.max(0, oldest.since + idleTimeout - scheduler.now()));
  };
  const alarm = createCoalescedTimer(scheduler, () => {
    const [oldest] = members.idle;
    if (oldest && isTooMany() && oldest.since + idleTimeout <= scheduler.now()) members.close(oldest);
    wake();
  });
  return { wake, stop: () => alarm.clear() };
}
