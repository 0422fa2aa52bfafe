import { nanoid } from 'nanoid';
import { Subscription, type Observable, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { ABANDONED, ABNORMAL, GOING_AWAY, NORMAL } from '../../message/closeCode.js';
import type { Frame, Link } from '../link.js';
import { closeOfError } from '../streamFrames.js';
import { leaderCheck } from './leaderCheck.js';
import { sharedConnection, type SharedConnection, type Stream, type StreamUser } from './sharedConnection.js';
import { remoteStream, serveTab, type RemoteStream, type TabPlatform } from './tabChannel.js';

export interface TabGroupOptions extends TabPlatform {
  readonly answerTimeout: number;
  /** Emits when the page is about to be frozen, or left. */
  readonly leaving$: Observable<unknown>;
}

/** The messages that tabs send to all tabs. */
type Announcement = readonly ['ask'] | readonly ['leader', id: string] | readonly ['open', leader: string, channel: string];

/**
 * How long a tab keeps the lock without a stream, in ms: its wires have lost their streams to the
 * former leader, and may return.
 */
const MAX_IDLE = 5_000;

/** One link of this tab that is subscribed to. */
interface Member {
  /** The leader has announced itself. @param own The connection, if this tab is the leader. */
  onLeader(id: string, own?: SharedConnection): void;
  fail(error: unknown): void;
  /** Uses a connection of its own. */
  leave(): void;
}

/**
 * Connects links over one connection of all tabs with this name. The tab that holds the lock is the
 * leader: it holds the connection, and the others have streams of it.
 */
export function tabGroup(name: string, link: Link<Frame>, options: TabGroupOptions) {
  const { hold, BroadcastChannel, leaving$, scheduler } = options;
  const members = new Set<Member>();
  let life: Subscription | undefined;
  let candidacy = Subscription.EMPTY;
  let leader: { readonly id: string; readonly connection: SharedConnection } | undefined;
  let announce: (message: Announcement) => void;

  const start = (): void => {
    const own = (life = new Subscription());
    const channel = new BroadcastChannel(name);
    announce = (message) => channel.postMessage(message);
    channel.onmessage = ({ data }) => onAnnouncement(data as Announcement);
    own.add(() => channel.close());
    own.add(leaving$.subscribe(leaveAll));
    stand();
  };
  /** Requests the lock. @param steal Takes it from a leader that does not answer. */
  const stand = (steal = false): void => {
    candidacy.unsubscribe();
    candidacy = new Subscription();
    candidacy.add(hold(name, steal).subscribe({ next: lead, error: onRefused }));
  };
  const lead = (): void => {
    const connection = sharedConnection(link, resign);
    const { id } = (leader = { id: nanoid(), connection });
    announce(['leader', id]);
    for (const member of [...members]) member.onLeader(id, connection);
    candidacy.add(scheduler.schedule(() => connection.endIfIdle(), MAX_IDLE));
  };
  /** Ends the connection of this tab, if it has one, and gives the lock to another tab. */
  const resign = (error?: unknown): void => {
    const former = leader;
    if (!former) return;
    leader = undefined;
    candidacy.unsubscribe();
    former.connection.end(error);
    if (members.size > 0) stand();
    else stop();
  };
  /** Another tab has stolen the lock, or the platform refuses it. */
  const onRefused = (error: unknown): void => {
    if (leader) resign(new ConnectionLostError(ABNORMAL, 'another tab took over the shared connection', true, error));
    else if (isStolen(error)) stand();
    else for (const member of [...members]) member.leave();
  };
  const stop = (): void => {
    if (leader || members.size > 0) return;
    candidacy.unsubscribe();
    life?.unsubscribe();
    life = undefined;
  };
  const leaveAll = (): void => {
    const error = new ConnectionLostError(GOING_AWAY, 'the page was left or frozen');
    resign(error);
    for (const member of [...members]) member.fail(error);
  };
  const onAnnouncement = ([kind, id, channel = '']: Announcement): void => {
    if (kind === 'ask') {
      if (leader) announce(['leader', leader.id]);
    } else if (kind === 'open') {
      if (leader?.id === id) serveTab(options, channel, leader.connection);
    } else if (!leader) for (const member of [...members]) member.onLeader(id);
  };

  return (outgoing: Observable<Frame>, to: Subscriber<Frame>): void => {
    const seat: Seat = {
      open: (id, user, onHeard) => {
        const channel = `${name}:${id}:${nanoid()}`;
        return remoteStream(options, channel, user, () => announce(['open', id, channel]), onHeard);
      },
      ask: () => announce(['ask']),
      takeOver: () => stand(true),
      left: () => {
        members.delete(member);
        stop();
      },
    };
    if (!life) start();
    const member = createMember(link, outgoing, to, seat, options);
    members.add(member);
    to.add(() => seat.left());
    if (leader) member.onLeader(leader.id, leader.connection);
  };
}

/** Returns whether a lock was lost, or not granted, because another tab has stolen it. */
const isStolen = (error: unknown): boolean => (error as Partial<Error> | undefined)?.name === 'AbortError';

/** The calls of a member to its tab. */
interface Seat {
  open(leader: string, user: StreamUser, onHeard: () => void): RemoteStream;
  ask(): void;
  /** The leader does not answer. */
  takeOver(): void;
  /** The member uses no connection of the tabs any more. */
  left(): void;
}

function createMember(
  link: Link<Frame>,
  outgoing: Observable<Frame>,
  to: Subscriber<Frame>,
  seat: Seat,
  { answerTimeout, scheduler }: TabGroupOptions,
): Member {
  let leader: string | undefined;
  let isOpen = false;
  let stream: Stream | undefined;
  let ask = (): void => seat.ask();
  const abandon = (): void => stream?.close([ABANDONED, '']);
  const check = leaderCheck(
    () => ask(),
    () => seat.takeOver(),
    answerTimeout,
    scheduler,
  );
  const end = (): void => {
    check.end();
    // In this order: the last member ends the connection, for which the tab then needs no lock.
    seat.left();
    abandon();
  };
  const leave = (): void => {
    end();
    if (!to.closed) to.add(link(outgoing).subscribe(to));
  };
  const user: StreamUser = {
    opened(opened) {
      isOpen = true;
      stream = opened;
      to.add(
        outgoing.subscribe({
          next(frame) {
            check.sent();
            opened.send(frame);
          },
          error(error) {
            opened.close(closeOfError(error));
            to.error(error);
          },
          complete() {
            opened.close([NORMAL, '']);
            // Later, as after the close handshake of a socket: the caller has not finished.
            to.add(scheduler.schedule(() => to.complete()));
          },
        }),
      );
    },
    next: (frame) => to.next(frame),
    ended: (error) => (error === undefined ? to.complete() : to.error(error)),
    full: leave,
  };
  to.add(end);
  check.begin();

  return {
    leave,
    fail: (error) => to.error(error),
    onLeader(id, own) {
      if (leader === id) return;
      leader = id;
      check.heard();
      if (isOpen) {
        to.error(new ConnectionLostError(ABNORMAL, 'another tab has the shared connection now'));
        return;
      }
      abandon();
      if (own) {
        check.end();
        stream = own.open(user);
      } else {
        const remote = (stream = seat.open(id, user, check.heard));
        ask = () => remote.ping();
      }
      if (to.closed) abandon();
    },
  };
}
