import type { Codec, Frame } from '../../lib/index.js';
import { readFrame, type SessionFrame } from '../support/protocol/frames.js';
import { parseHello, parseWelcome } from '../support/protocol/handshake.js';
import type { createAckChecks } from './checks/acks.js';
import type { createAttachmentChecks } from './checks/attachments.js';
import type { createHandshakeChecks } from './checks/handshakes.js';
import type { createOwnerChecks } from './checks/owners.js';
import type { Welcomed } from './context.js';
import type { createNumberChecks } from './checks/numbers.js';
import { idsIn } from './checks/spaces.js';
import type { Connection, Side, Watcher } from './network.js';
import type { Sendable } from './sendable.js';

export interface WatchingOptions {
  readonly codec: Codec;
  readonly numbers: ReturnType<typeof createNumberChecks>;
  readonly acks: ReturnType<typeof createAckChecks>;
  readonly handshakes: ReturnType<typeof createHandshakeChecks>;
  readonly owners: ReturnType<typeof createOwnerChecks>;
  readonly sendable: Sendable;
  readonly attachments: ReturnType<typeof createAttachmentChecks>;
  /** Gets each hello of a client that is welcomed. */
  readonly welcomed: Welcomed[];
  /** Called when another server welcomes the client than before. */
  readonly onMoved: () => void;
  readonly say: (who: string, what: () => string) => void;
}

/** Looks into all frames, for the checks and for whoever reads what happened. */
export function createWatcher({
  codec,
  numbers,
  acks,
  handshakes,
  owners,
  sendable,
  attachments,
  welcomed,
  onMoved,
  say,
}: WatchingOptions): Watcher {
  // They are random, and what is told of a seed shall be the same each time.
  const sessions: string[] = [];
  const nameOf = (sid?: string): string => {
    if (sid === undefined) return 'none';
    if (!sessions.includes(sid)) sessions.push(sid);
    return String(sessions.indexOf(sid) + 1);
  };
  const tell = (connection: Connection, side: Side, does: string, frame: Frame): void => {
    say(connection.ends[side].life.name, () => `${connection.name} ${does} ${describe(readFrame(frame), codec, nameOf)}`);
  };
  let host = 0;
  return {
    left: acks.left,
    opened: (connection) => say('network', () => `${connection.name} opens`),
    sent(connection, from, raw) {
      tell(connection, from, '->', raw);
      const frame = readFrame(raw);
      if (frame.kind === 'welcome' && connection.host !== host) {
        host = connection.host;
        onMoved();
      }
      numbers.sent(connection, from, frame);
      acks.sent(connection, from, frame);
      handshakes.sent(connection, from, frame);
      sendable.sent(connection, from, frame);
      const { hello } = numbers.talkOf(connection);
      if (!hello || from === 'client') return;
      attachments.used(connection, hello);
      if (frame.kind === 'ack' || (frame.kind === 'msg' && frame.ack)) owners.acked(connection);
      const latest = welcomed.at(-1);
      if (frame.kind === 'welcome') {
        attachments.welcomed(connection, hello);
        owners.welcomed(connection, hello);
        welcomed.push({ hello, isKnown: parseWelcome(frame.value).known, isSeen: false });
      } else if (latest?.hello === hello) latest.isSeen = true;
    },
    taken(connection, by, raw) {
      tell(connection, by, '<-', raw);
      const frame = readFrame(raw);
      numbers.taken(connection, by, frame);
      acks.taken(connection, by, frame);
      handshakes.taken(connection, by, frame);
      sendable.taken(connection, by, frame);
      const { hello } = numbers.talkOf(connection);
      if (hello && by === 'server') attachments.used(connection, hello);
    },
  };
}

function describe(frame: SessionFrame, codec: Codec, nameOf: (sid?: string) => string): string {
  switch (frame.kind) {
    case 'msg':
      return `msg ${frame.first} to ${frame.first + frame.count - 1}: ${idsIn(frame.body, codec).join(' ')}${frame.ack ? `, with ack ${frame.ack.done}, wait ${frame.wait}` : ''}`;
    case 'skip':
      return `skip ${frame.numbers.join(' ')}`;
    case 'ack':
      return `ack ${frame.done}, ${frame.credit} more`;
    case 'ping':
      return `ping, sent ${frame.sent}`;
    case 'reject':
      return `reject ${frame.rejections.map(({ number, kind }) => `${number} ${kind}`).join(' ')}`;
    case 'auth':
    case 'bye':
      return frame.kind;
    case 'hello': {
      const { epoch, n, sid, rx = 'unknown' } = parseHello(frame.value);
      return `hello epoch ${epoch} n ${n}, session ${nameOf(sid)}, rx ${rx}`;
    }
    case 'welcome': {
      const { sid, rx, known, resumed } = parseWelcome(frame.value);
      return `welcome to session ${nameOf(sid)}, rx ${rx}${known ? ', known' : ''}${resumed ? ', resumed' : ''}`;
    }
  }
}
