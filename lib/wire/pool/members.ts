import type { Subscription } from 'rxjs';
import { distinctUntilChanged, map } from 'rxjs';
import type { Wire } from '../wire.js';

/** A wire of a pool. */
export interface Member<W extends Wire> {
  readonly wire: W;
  /** Whether it is connected. */
  isLive: boolean;
  isLeased: boolean;
  /** It has been told to end. */
  isClosing: boolean;
  /** Since when it is free. */
  since: number;
}

export interface MembersOptions<W extends Wire> {
  readonly open: () => W;
  /** Nobody uses it, and it is connected: for the first time, or again. */
  readonly onFree: (member: Member<W>) => void;
  /** It has ended without being told to, or could not be opened; with an error, if there was one. */
  readonly onFailed: (error: unknown) => void;
  /** Something is not as it was. */
  readonly onChange: () => void;
}

/** The wires of a pool, and how they are. Event by event: nothing is asked again and again. */
export interface Members<W extends Wire> {
  readonly all: ReadonlySet<Member<W>>;
  /** Free, and connected: the one that has been so for longest comes first. */
  readonly idle: readonly Member<W>[];
  readonly count: (is: (member: Member<W>) => boolean) => number;
  /** Opens another. */
  add(): void;
  addIdle(member: Member<W>): void;
  /** The one that was used last, so that the others may be idle for long enough to be closed. */
  takeIdle(): Member<W> | undefined;
  /** What it has to send is sent first. */
  readonly close: (member: Member<W>) => void;
}

export function createMembers<W extends Wire>({ open, onFree, onFailed, onChange }: MembersOptions<W>): Members<W> {
  const all = new Set<Member<W>>();
  const idle: Member<W>[] = [];

  const update = (member: Member<W>, status: string): void => {
    member.isLive = status === 'connected';
    if (!member.isLive) remove(idle, member);
    else if (!member.isLeased) onFree(member);
    onChange();
  };
  const end = (member: Member<W>): void => {
    all.delete(member);
    remove(idle, member);
    const { status, error } = member.wire.state;
    if (!member.isClosing) onFailed(status === 'error' ? error : undefined);
    onChange();
  };
  const watch = (member: Member<W>): Subscription => {
    const status$ = member.wire.state$.pipe(
      map(({ status }) => status),
      distinctUntilChanged(),
    );
    return status$.subscribe({ next: (status) => update(member, status), complete: () => end(member) });
  };

  return {
    ...{ all, idle },
    count: (is) => [...all].filter(is).length,
    add() {
      try {
        const member = { wire: open(), isLive: false, isLeased: false, isClosing: false, since: 0 };
        all.add(member);
        watch(member);
      } catch (error) {
        onFailed(error);
      }
    },
    addIdle: (member) => void idle.push(member),
    takeIdle: () => idle.pop(),
    close(member) {
      member.isClosing = true;
      remove(idle, member);
      member.wire.complete();
    },
  };
}

function remove<T>(list: T[], one: T): void {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
}
