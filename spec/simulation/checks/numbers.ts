import type { Codec } from '../../../lib/index.js';
import { batchFrame, type SessionFrame } from '../../support/protocol/frames.js';
import { parseHello, parseWelcome, type Hello, type Welcome } from '../../support/protocol/handshake.js';
import type { NumberedRejection } from '../../../lib/core/rejection.js';
import { isDone, type Entry, type Journal } from '../journal.js';
import { other, type Connection, type Side } from '../network.js';
import { isEarlier } from '../../../lib/stores/helloNumber.js';
import { idsIn, knownBy, newFlow, newSpace, type Space, type Talk } from './spaces.js';
import type { Violate } from './violation.js';

export interface NumberOptions {
  readonly codec: Codec;
  readonly journal: Journal;
  readonly violate: Violate;
  /** Whether the server may have forgotten a client since it was last asked. */
  readonly hasForgotten: (pid: string) => boolean;
  readonly now: () => number;
  /** Whether one side takes its time to decode. */
  readonly isSlow: (side: Side) => boolean;
  /** Names who remembers what was received by the client of a connection. */
  readonly receiverOf: (connection: Connection) => string;
  /** Called with each message that its receiver has set aside. */
  readonly onSetAside: (id: string) => void;
}

const SKIPPED = 'skipped';

/** Looks into the frames that travel: the numbers of messages, and the acks. */
export function createNumberChecks({ codec, journal, violate, hasForgotten, now, isSlow, receiverOf, onSetAside }: NumberOptions) {
  const spaces = new Map<string, Space>();
  const talks = new WeakMap<Connection, Talk>();

  const hosts = new Map<string, { host: number; count: number }>();
  const hellos = new Map<string, { readonly hello: Hello; readonly host: number }>();

  /** Names a server as the owner of what it sends: each that follows another has a higher number. */
  const serverOf = (host: number, pid: string): number => {
    const latest = hosts.get(pid) ?? { host, count: 0 };
    const next = { host, count: latest.count + Number(latest.host !== host) };
    hosts.set(pid, next);
    return next.count;
  };
  const isOutdated = (hello: Hello, host: number): boolean => {
    const latest = hellos.get(hello.pid);
    if (latest && latest.host !== host && isEarlier(hello, latest.hello)) return true;
    hellos.set(hello.pid, { hello, host });
    return false;
  };
  const spaceOf = (sender: Side, { hello, receiver }: Talk): Space => {
    const key = sender === 'client' ? `from ${hello?.pid}` : `to ${receiver}`;
    const space = spaces.get(key) ?? newSpace();
    spaces.set(key, space);
    return space;
  };
  /** What was brought and not accepted has not been brought; but what is done or skipped stays so. */
  const begin = (space: Space, rx: number, isAnew: boolean): void => {
    if (isAnew) Object.assign(space, { acked: rx, brought: new Map<number, string>() });
    for (const [number, id] of space.brought) {
      if (number > rx && id !== SKIPPED && !isDone(journal.of(id))) space.brought.delete(number);
    }
  };
  const welcome = ({ rx, known, resumed, window, bytes }: Welcome, talk: Talk, host: number): void => {
    const { hello } = talk;
    if (!hello) return;
    const theirs = resumed ? (hello.rx ?? 0) : 0;
    talk.since = now();
    talk.flows.client = newFlow(rx, window, bytes);
    talk.flows.server = newFlow(theirs, hello.window, hello.bytes);
    talk.owners.server = serverOf(host, hello.pid);
    // A server that stood still may answer what its client said before it went to another.
    if (isOutdated(hello, host)) return;
    const up = spaceOf('client', talk);
    const isForgotten = hasForgotten(hello.pid);
    if (rx < up.acked && !isForgotten) violate('acked', `the server has ${rx}, and has acked ${up.acked}`);
    begin(up, rx, rx < up.acked);
    const down = spaceOf('server', talk);
    begin(down, theirs, !resumed);
    const { owners } = talk;
    if (!resumed || theirs < knownBy(owners.server, down)) down.known.set(owners.server, theirs);
    // Only of this process: a former one, that has lost the outbox, may meet a server that knows nothing, while the latest goes on with another.
    if (!known || rx < knownBy(owners.client, up)) up.known.set(owners.client, rx);
  };
  const launch = (first: number, count: number, size: number, talk: Talk, from: Side): void => {
    const flow = talk.flows[from];
    if (!flow) return violate('surprise', `${from} sends before the handshake`);
    const last = first + count - 1;
    const known = knownBy(talk.owners[from], spaceOf(from, talk));
    // What was finished out of order, before the receiver began anew, is acked before it is sent again.
    const isInRow = flow.last !== undefined && flow.last >= flow.known;
    const behind = (number: number): number => {
      let next = number + 1;
      while (flow.skipped.has(next) && next < first) next++;
      return next;
    };
    const next = behind(Math.max(flow.last ?? flow.rx, flow.known));
    // An ack that has come may wait behind a batch that is still being decoded: until it is read, the sender goes on in a row.
    const isUnread = isSlow(from) && first === behind(flow.last ?? flow.rx);
    const isNext = isUnread || (isInRow ? first === next : first <= next && last >= next);
    if (!isNext) violate('resent', `${from} sends ${first} to ${last}, where ${next} is next`);
    flow.last = last;
    while (flow.flying[0] && flow.flying[0].last <= known) flow.flying.shift();
    const bytes = flow.flying.reduce((sum, { size: mine }) => sum + mine, size);
    // A batch that alone is larger than the window goes when nothing else is on its way, and the first ack has come where the welcome granted nothing.
    const isAlone = flow.flying.length === 0 && first <= known + 1 && flow.window > 0;
    if (last - known > flow.window && !isAlone) violate('window', `${from} sends ${last}, where ${known} is acked of ${flow.window}`);
    if (bytes > flow.bytes && flow.flying.length > 0) violate('window', `${from} has ${bytes} bytes on their way, of ${flow.bytes}`);
    flow.flying.push({ last, size });
  };
  const acknowledge = (done: number, talk: Talk, by: Side): void => {
    const space = spaceOf(other(by), talk);
    for (let number = space.acked + 1; number <= done; number++) {
      const id = space.brought.get(number);
      space.brought.delete(number);
      if (id === undefined) violate('dense', `${by} acks ${done}, and never got ${number}`);
      else if (id !== SKIPPED && !isDone(journal.of(id))) violate('acked', `${by} acks ${done}, and is not through with ${number}: ${id}`);
    }
    space.acked = Math.max(space.acked, done);
  };
  const reject = (rejections: readonly NumberedRejection[], { carried }: Space): void => {
    for (const { number, kind } of rejections) {
      const id = kind === 'undecodable' ? carried.get(number) : undefined;
      if (id !== undefined) onSetAside(id);
    }
  };
  const bring = (first: number, ids: readonly string[], talk: Talk, from: Side): void => {
    const { brought, carried, acked } = spaceOf(from, talk);
    ids.forEach((id, index) => {
      const number = first + index;
      carried.set(number, id);
      if (number > acked && brought.get(number) !== SKIPPED) brought.set(number, id);
    });
  };

  return {
    talkOf(connection: Connection): Talk {
      const talk = talks.get(connection) ?? { receiver: receiverOf(connection), owners: { client: 0, server: 0 }, flows: {}, since: 0 };
      talks.set(connection, talk);
      return talk;
    },
    sent(connection: Connection, from: Side, frame: SessionFrame): void {
      const talk = this.talkOf(connection);
      if (frame.kind === 'hello') {
        talk.hello = parseHello(frame.value);
        talk.owners.client = talk.hello.epoch;
      }
      if (frame.kind === 'welcome') welcome(parseWelcome(frame.value), talk, connection.host);
      else if (frame.kind === 'ack') acknowledge(frame.done, talk, from);
      else if (frame.kind === 'reject') reject(frame.rejections, spaceOf(other(from), talk));
      else if (frame.kind === 'skip') for (const number of frame.numbers) talk.flows[from]?.skipped.add(number);
      else if (frame.kind === 'msg') {
        if (frame.ack) acknowledge(frame.ack.done, talk, from);
        for (const id of idsIn(frame.body, codec)) fly(journal.of(id), talk);
        // An ack that travels with a batch is no part of its size.
        const { length } = batchFrame(frame.first, frame.count, frame.body);
        if (frame.first > 0) launch(frame.first, frame.count, length, talk, from);
      }
    },
    taken(connection: Connection, by: Side, frame: SessionFrame): void {
      const talk = this.talkOf(connection);
      const ack = frame.kind === 'ack' ? frame : frame.kind === 'msg' ? frame.ack : undefined;
      if (ack) {
        const space = spaceOf(by, talk);
        const owner = talk.owners[by];
        space.known.set(owner, Math.max(knownBy(owner, space), ack.done));
        const flow = talk.flows[by];
        if (flow) {
          flow.known = Math.max(flow.known, ack.done);
          flow.window ||= ack.credit;
        }
      }
      if (frame.kind === 'skip') bringSkipped(frame.numbers, spaceOf(other(by), talk));
      else if (frame.kind === 'msg' && frame.first > 0) bring(frame.first, idsIn(frame.body, codec), talk, other(by));
    },
  };
}

function fly(entry: Entry, { since }: Talk): void {
  if (entry.flown++ === 0) entry.flownSince = since;
}

function bringSkipped(numbers: readonly number[], { brought, acked }: Space): void {
  for (const number of numbers) if (number > acked) brought.set(number, SKIPPED);
}
