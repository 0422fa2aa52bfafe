import type { Codec } from '../../codec/codec.js';
import type { Hello } from '../../session/handshake.js';
import type { InboxRecord } from '../../session/store/inbox.js';
import type { OutboxContents, OutboxStore } from '../../session/store/outboxStore.js';
import type { Attachment } from '../attachment.js';
import { Berth, type BerthOptions } from '../berth.js';
import type { WiresOptions } from '../envelopeWires.js';
import type { Principal } from '../principal.js';
import { createPeer, parsePeerRecord, type Peer } from './peer.js';
import type { Rounds } from './rounds.js';
import type { Sleeper } from './sleeper.js';

export interface GuestOptions extends WiresOptions {
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
  /** Looks after those that sleep. */
  readonly rounds: Rounds;
}

/** What was stored of a client. */
export interface Kept {
  readonly record: InboxRecord | undefined;
  readonly store: OutboxStore;
  readonly contents: OutboxContents;
}

/** A client that is known in this process. */
export interface Guest {
  readonly peer: Peer;
  readonly berth: Berth;
  /** Its session, once there is one. */
  sleeper: Sleeper | undefined;
}

/** Who may enter, by what was stored of it. */
export function recall({ record, contents: { ticket } }: Kept, principal: Principal | undefined): Peer {
  const known = parsePeerRecord(record?.session);
  return createPeer(known, ticket !== undefined && ticket.sid === known?.sid, principal);
}

/** The codec that both know and the client likes best. */
export function agreeOn({ codecs: offered }: Hello, codecs: readonly Codec[]): Codec | undefined {
  return offered.flatMap((name) => codecs.find((codec) => codec.name === name) ?? [])[0];
}

/** A client with its first connection. */
export function createGuest(attachment: Attachment, peer: Peer, options: BerthOptions): Guest {
  return { peer, berth: new Berth(attachment, true, options), sleeper: undefined };
}

export interface Arrival {
  readonly hello: Hello;
  readonly codec: Codec;
  readonly kept: Kept;
}
