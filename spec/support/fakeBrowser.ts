import { noop, Observable, Subject, type SchedulerLike } from 'rxjs';
import { CloseCode, ConnectionLostError, type BroadcastChannelLike, type Frame, type Link } from '../../lib/index.js';
import type { TabPlatform } from '../../lib/io/shared/tabChannel.js';
import type { Clock } from '../simulation/clock.js';

export interface FakeBrowserOptions {
  readonly clock: Clock;
  /** The time that a message, a lock or a frame takes, in ms. */
  readonly latency: () => number;
  /** Takes the connections of the tabs. */
  readonly accept: (link: Link<Frame>) => void;
}

/** A tab of a {@link FakeBrowser}. */
export interface FakeTab extends TabPlatform {
  readonly name: string;
  readonly scheduler: SchedulerLike;
  readonly microtask: SchedulerLike;
  readonly leaving$: Subject<unknown>;
  readonly link: Link<Frame>;
  readonly isAlive: () => boolean;
  readonly isFrozen: () => boolean;
  /** @param isTold Whether the page gets the event `freeze`. */
  freeze(isTold: boolean): void;
  thaw(): void;
  /** @param isTold Whether the page gets the event `pagehide`; else it has crashed. */
  close(isTold: boolean): void;
}

interface LockRequest {
  readonly tab: FakeTab;
  readonly granted: () => void;
  readonly stolen: () => void;
}

interface Socket {
  readonly tab: FakeTab;
  /** Both sides notice that the connection is lost. */
  cut(): void;
  /** From now on nothing arrives, and neither side notices. */
  silence(): void;
}

/** Tabs that live on virtual time, with Web Locks, channels and sockets. Frozen tabs get what has happened when they are thawed. */
export function createFakeBrowser({ clock, latency, accept }: FakeBrowserOptions) {
  const channels = new Map<string, Set<{ readonly tab: FakeTab; readonly take: (data: unknown, from: object) => void }>>();
  const locks = new Map<string, LockRequest[]>();
  const tabs: FakeTab[] = [];
  const sockets = new Set<Socket>();
  let isOnline = true;

  /** Delivers in order. */
  const inOrder = () => {
    let last = 0;
    return (task: () => void): void => {
      last = Math.max(last, clock.now() + latency());
      clock.at(last, task);
    };
  };
  const cloned = (data: unknown): unknown => (data instanceof Uint8Array ? data.slice() : structuredClone(data));

  const releaseAll = (tab: FakeTab): void => {
    for (const [name, queue] of locks) {
      const isHolder = queue[0]?.tab === tab;
      const rest = queue.filter((one) => one.tab !== tab);
      locks.set(name, rest);
      if (isHolder) rest[0]?.granted();
    }
  };
  const createTab = (name: string): FakeTab => {
    let isAlive = true;
    let isFrozen = false;
    let backlog: (() => void)[] = [];
    const leaving$ = new Subject<unknown>();
    const whenRunning = (task: () => void): void => {
      if (!isAlive) return;
      if (isFrozen) backlog.push(task);
      else task();
    };
    const later = (deliver: (task: () => void) => void, task: () => void): void => deliver(() => whenRunning(task));
    class Channel implements BroadcastChannelLike {
      onmessage: BroadcastChannelLike['onmessage'] = null;
      readonly #peers: Set<{ readonly tab: FakeTab; readonly take: (data: unknown, from: object) => void }>;
      readonly #own: { readonly tab: FakeTab; readonly take: (data: unknown, from: object) => void };
      constructor(channel: string) {
        this.#peers = channels.get(channel) ?? new Set();
        channels.set(channel, this.#peers);
        const lanes = new WeakMap<object, (task: () => void) => void>();
        this.#own = {
          tab,
          take: (data, from) => {
            const lane = lanes.get(from) ?? inOrder();
            lanes.set(from, lane);
            later(lane, () => this.#peers.has(this.#own) && this.onmessage?.({ data }));
          },
        };
        this.#peers.add(this.#own);
      }
      postMessage(data: unknown): void {
        for (const peer of this.#peers) if (peer !== this.#own && peer.tab.isAlive()) peer.take(cloned(data), this.#own);
      }
      close(): void {
        this.#peers.delete(this.#own);
      }
    }
    const hold = (lock: string, steal = false): Observable<void> =>
      new Observable((to) => {
        const queue = locks.get(lock) ?? [];
        locks.set(lock, queue);
        const lane = inOrder();
        const request: LockRequest = {
          tab,
          granted: () => later(lane, () => to.next()),
          stolen: () => later(lane, () => to.error(new DOMException('It was stolen.', 'AbortError'))),
        };
        if (steal) {
          const before = queue.shift();
          queue.unshift(request);
          before?.stolen();
          request.granted();
        } else if (queue.push(request) === 1) request.granted();
        to.add(() => {
          const now = locks.get(lock)!;
          const index = now.indexOf(request);
          if (index < 0) return;
          now.splice(index, 1);
          if (index === 0) now[0]?.granted();
        });
      });
    const link: Link<Frame> = (outgoing) =>
      new Observable((to) => {
        if (!isOnline) {
          later(inOrder(), () => to.error(new ConnectionLostError(CloseCode.ABNORMAL, 'offline')));
          return;
        }
        const [up, down] = [inOrder(), inOrder()];
        let server: ((frame: Frame) => void) | undefined;
        let serverEnds: (error?: unknown) => void = noop;
        let isOver = false;
        let isSilent = false;
        const over = (): void => {
          isOver = true;
          sockets.delete(socket);
        };
        const endServer = (error?: unknown): void => up(() => isSilent || serverEnds(error));
        const socket: Socket = {
          tab,
          silence: () => void (isSilent = true),
          cut() {
            if (isOver) return;
            over();
            endServer(new ConnectionLostError(CloseCode.ABNORMAL, 'cut'));
            later(down, () => to.error(new ConnectionLostError(CloseCode.ABNORMAL, 'cut')));
          },
        };
        const serverLink: Link<Frame> = (outgoingServer) =>
          new Observable((toServer) => {
            server = (frame) => toServer.next(frame);
            serverEnds = (error) => (error === undefined ? toServer.complete() : toServer.error(error));
            toServer.add(
              outgoingServer.subscribe({
                next: (frame) => isSilent || later(down, () => !isOver && !isSilent && to.next(frame)),
                error: (error: unknown) => {
                  later(down, () => {
                    if (isSilent) return;
                    over();
                    to.error(error instanceof ConnectionLostError ? new ConnectionLostError(error.closeCode, error.reason) : error);
                  });
                },
                complete: () => {
                  later(down, () => {
                    if (isSilent) return;
                    over();
                    to.complete();
                  });
                },
              }),
            );
            toServer.add(() =>
              later(down, () => isOver || isSilent || to.error(new ConnectionLostError(CloseCode.ABNORMAL, 'the server has left'))),
            );
          });
        sockets.add(socket);
        up(() => {
          if (isOver) return;
          accept(serverLink);
          later(down, () => {
            if (isOver) return;
            to.add(
              outgoing.subscribe({
                next: (frame) => !isOver && !isSilent && up(() => isSilent || server?.(frame)),
                error: (error: unknown) => {
                  over();
                  endServer(error instanceof ConnectionLostError ? error : new ConnectionLostError(CloseCode.ABANDONED, ''));
                  to.error(error);
                },
                complete: () => {
                  over();
                  endServer();
                  later(down, () => to.complete());
                },
              }),
            );
          });
        });
        to.add(() => {
          if (isOver) return;
          over();
          endServer(new ConnectionLostError(CloseCode.ABANDONED, ''));
        });
      });
    const tab: FakeTab = {
      ...{ name, leaving$, link, hold },
      BroadcastChannel: Channel,
      scheduler: clock.scheduler('timer', () => isAlive, noop, whenRunning),
      microtask: clock.scheduler('microtask', () => isAlive, noop, whenRunning),
      isAlive: () => isAlive,
      isFrozen: () => isFrozen,
      freeze(isTold) {
        if (isTold) leaving$.next('freeze');
        isFrozen = true;
      },
      thaw() {
        isFrozen = false;
        const tasks = backlog;
        backlog = [];
        // One task at a time, as an event loop does, with the microtasks in between.
        for (const task of tasks) clock.at(clock.now(), () => whenRunning(task));
      },
      close(isTold) {
        if (isTold) leaving$.next('pagehide');
        isAlive = false;
        for (const peers of channels.values()) for (const one of peers) if (one.tab === tab) peers.delete(one);
        for (const socket of sockets) if (socket.tab === tab) socket.cut();
        releaseAll(tab);
      },
    };
    tabs.push(tab);
    return tab;
  };

  return {
    createTab,
    tabs: (): readonly FakeTab[] => tabs.filter((tab) => tab.isAlive()),
    sockets: (): readonly Socket[] => [...sockets],
    setOnline(is: boolean): void {
      isOnline = is;
      if (!is) for (const socket of [...sockets]) socket.cut();
    },
  };
}
export type FakeBrowser = ReturnType<typeof createFakeBrowser>;
