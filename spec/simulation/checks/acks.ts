import type { Codec } from '../../../lib/index.js';
import { WAIT_UNIT, type Ack, type SessionFrame } from '../../support/protocol/frames.js';
import { isDone, type Journal } from '../journal.js';
import type { Life } from '../life.js';
import { other, type Connection, type Side } from '../network.js';
import type { Plan } from '../plan.js';
import { idsIn } from './spaces.js';
import type { Violate } from './violation.js';

export interface AckOptions {
  readonly codec: Codec;
  readonly journal: Journal;
  readonly plan: Plan;
  readonly now: () => number;
  readonly violate: Violate;
}

/** A message that one side has received, and has not acked over the same connection. */
interface Owed {
  readonly id: string;
  /** When it was received. */
  readonly at: number;
  /** How long its ack may wait, in ms. */
  readonly wait: number;
}

/** What one side of a connection has received and sent. */
interface Half {
  /** When the connection began. */
  readonly since: number;
  /** The last ack that it has sent: from the first one on it may send. */
  acked: number | undefined;
  readonly owed: Map<number, Owed>;
  /** The ids of the messages that it has sent and whose ack it has not taken, by number. */
  readonly sent: Map<number, string>;
}

/** How late an ack may be besides its wait, in ms. */
const SLACK = 50;

/** Checks when acks are sent, and what they say about the messages of their receiver. */
export function createAckChecks({ codec, journal, plan, now, violate }: AckOptions) {
  const halves = new WeakMap<Connection, Record<Side, Half>>();
  /** When the processes began to drain. */
  const drains = new Map<Life, number>();

  const newHalf = (): Half => ({ since: now(), acked: undefined, owed: new Map(), sent: new Map() });
  const halfOf = (connection: Connection, side: Side): Half => {
    const both = halves.get(connection) ?? { client: newHalf(), server: newHalf() };
    halves.set(connection, both);
    return both[side];
  };
  /** A commit ends some time after its effects, and waits for the one before. */
  const commitsOf = (side: Side): number => (plan[side].inbox === 'durable' ? 3 * plan[side].commit : 0);
  /** When the ack of a processed message must be sent: after its wait, or at once when the sender, which drains, has asked for it since it was processed. */
  const dueOf = ({ at, wait }: Owed, doneAt: number, connection: Connection, by: Side): number => {
    const done = Math.max(at, doneAt) + commitsOf(by);
    const drainedAt = drains.get(connection.ends[other(by)].life) ?? -Infinity;
    const due = drainedAt > done ? Math.min(done + wait, drainedAt + plan.link.latency[1] + 3 * plan[by].coding) : done + wait;
    return due + SLACK;
  };
  /** Checks the next message of which an ack is owed. @param isEnding Whether the ack may not wait any longer. */
  const checkOwed = (connection: Connection, by: Side, isEnding: boolean): void => {
    const { since, acked, owed } = halfOf(connection, by);
    // Where several receivers process the same message, each has its own time.
    if (acked === undefined || plan.faults.includes('rival') || plan.owners > 1) return;
    const next = owed.get(acked + 1);
    if (!next) return;
    const entry = journal.of(next.id);
    // A message that a failing inbox has not stored is not acked.
    if (plan.stores && plan[by].inbox === 'durable') return;
    // A session before this one may have handed it over.
    if (entry.doneAt < next.at || entry.handed.length > 1 || entry.handedAt < since) return;
    // A process that stood still does then what was due, and may wait for a commit once more.
    const thawed = connection.ends[by].life.thawedAt() + next.wait + commitsOf(by) + SLACK;
    // A session whose outbox has failed ends at once.
    const isPrompt = isEnding && !(plan.stores && plan[by].outbox === 'durable');
    const due = Math.max(thawed, isPrompt ? entry.doneAt + commitsOf(by) : dueOf(next, entry.doneAt, connection, by));
    if (now() > due)
      violate('ackWait', `${by} has not acked ${next.id}, done at ${entry.doneAt.toFixed(1)}, which is due at ${due.toFixed(1)}`);
  };
  const sendAck = ({ done }: Ack, connection: Connection, by: Side): void => {
    checkOwed(connection, by, false);
    const half = halfOf(connection, by);
    half.acked = Math.max(half.acked ?? 0, done);
    for (const number of half.owed.keys()) if (number <= done) half.owed.delete(number);
  };
  /** @param rode The messages of the batch that has carried the ack. */
  const takeAck = ({ done, rejections = 0 }: Ack, rode: readonly string[], connection: Connection, by: Side): void => {
    const { acked, sent } = halfOf(connection, by);
    const { life } = connection.ends[by];
    // A batch that comes out of order is refused, with its ack.
    if (rode.length > 0 && plan.link.isLossy) return;
    // An ack whose rejections are lost is not applied.
    if (rejections > 0 && plan.link.isLossy) return;
    // So is a batch that cannot be decoded.
    if (rode.some((id) => journal.of(id).isPoison)) return;
    for (const [number, id] of sent) {
      if (number > done) continue;
      sent.delete(number);
      // An ack that comes before this side may send is applied later, or never; and an ack waits behind a batch that is still being decoded.
      if (acked === undefined || plan[by].coding > 0) continue;
      Object.assign(journal.of(id), { ackedTo: life, rode });
    }
  };
  const checkWait = (ids: readonly string[], wait: number, connection: Connection, from: Side): void => {
    const { life } = connection.ends[from];
    if (wait === 0) return;
    if (drains.has(life)) violate('ackWait', `${from} drains, and lets the ack of ${ids.join(' ')} wait`);
    for (const id of ids) {
      const entry = journal.of(id);
      const isAwaited = plan[from].isWatched || (entry.isAwaited && entry.sender.life === life && !entry.sender.isEnded());
      if (isAwaited && !isDone(entry) && entry.outcomes.size === 0) violate('ackWait', `${from} waits for ${id}, and lets its ack wait`);
    }
  };

  return {
    sent(connection: Connection, from: Side, frame: SessionFrame): void {
      if (frame.kind === 'ack') sendAck(frame, connection, from);
      if (frame.kind !== 'msg') return;
      if (frame.ack) sendAck(frame.ack, connection, from);
      if (frame.first === 0) return;
      const ids = idsIn(frame.body, codec);
      const { sent } = halfOf(connection, from);
      ids.forEach((id, index) => sent.set(frame.first + index, id));
      checkWait(ids, frame.wait * WAIT_UNIT, connection, from);
    },
    taken(connection: Connection, by: Side, frame: SessionFrame): void {
      if (frame.kind === 'ack') takeAck(frame, [], connection, by);
      if (frame.kind !== 'msg' || frame.first === 0) return;
      const ids = idsIn(frame.body, codec);
      if (frame.ack) takeAck(frame.ack, ids, connection, by);
      const { acked = 0, owed } = halfOf(connection, by);
      ids.forEach((id, index) => {
        const number = frame.first + index;
        if (number > acked && !owed.has(number)) owed.set(number, { id, at: now(), wait: frame.wait * WAIT_UNIT });
      });
    },
    /** Checks the acks that should have been sent by now. */
    check(connections: readonly Connection[]): void {
      for (const connection of connections)
        for (const by of ['client', 'server'] as const)
          if (connection.ends[by].isOpen && connection.ends[by].life.isAlive()) checkOwed(connection, by, false);
    },
    /** One side ends a connection in good order. */
    left: (connection: Connection, by: Side): void => checkOwed(connection, by, true),
    /** A process begins to drain. */
    drains: (life: Life): void => void drains.set(life, now()),
  };
}
