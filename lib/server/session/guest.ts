import { nanoid } from 'nanoid';
import type { Codec } from '../../codec/codec.js';
import type { Link } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Hello } from '../../session/handshake.js';
import { negotiable } from '../../session/negotiable.js';
import { running } from '../../session/running.js';
import type { InboxRecord } from '../../session/store/inbox.js';
import type { OutboxContents, OutboxStore } from '../../session/store/outboxStore.js';
import { counted } from '../../wire/traffic.js';
import type { WireParts } from '../../wire/wire.js';
import type { Attachment } from '../attachment.js';
import { berthLink, createBerth, type Berth } from '../berth.js';
import type { WiresOptions } from '../envelopeWires.js';
import { quiet } from '../quiet.js';
import { PrincipalWire, type AnyWire, type Principal } from '../principal.js';
import { createPeer, parsePeerRecord, type Peer } from './peer.js';
import { createServerSide, type ServerSide } from './serverSide.js';
import { createThrottle } from './throttle.js';

export interface GuestOptions extends WiresOptions {
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
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
  side?: ServerSide;
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
export function createGuest(attachment: Attachment, peer: Peer): Guest {
  return { peer, berth: createBerth(attachment, true) };
}

export interface Arrival {
  readonly hello: Hello;
  readonly codec: Codec;
  readonly kept: Kept;
}

/** The wire of a client that was not here, or not since the server started. `onLeft`: it has ended. */
export function openWire(guest: Guest, arrival: Arrival, options: GuestOptions, onLeft: () => void): AnyWire {
  const { endpoint, scheduler, microtask } = options;
  const { delivery } = arrival.hello;
  const id = nanoid();
  const open = (parts: WireParts): Link<Message> => quiet(overBerth(guest, arrival, { ...options, id, delivery }, parts), parts, onLeft);
  const { berth } = guest;
  const setup = { id, endpoint, delivery, scheduler, ...(microtask && { microtask }), open, protocol: () => berth.latest.protocol };
  return new PrincipalWire(setup, () => berth.latest.principal);
}

type Settings = GuestOptions & { readonly id: string; readonly delivery: Delivery };

function overBerth(guest: Guest, { hello: { pid }, codec, kept }: Arrival, options: Settings, parts: WireParts): Link<Message> {
  const { berth, peer } = guest;
  const { detachedTimeout, scheduler, mooring, rates } = options;
  const { traffic, ...watched } = parts;
  const { store, contents, record } = kept;
  const settings = { ...options, ...watched };
  const link = counted(traffic, scheduler)(berthLink(berth, { detachedTimeout, scheduler, report: parts.report, ...mooring }));

  return (outgoing) =>
    running(outgoing, store, settings, (connected) => {
      const attachment = (): Attachment => berth.attachments$.value;
      const codecs = negotiable([codec, ...options.codecs.filter((one) => one !== codec)]);
      const cursor = record?.cursor;
      const limits = rates && { rates, bucket: rates.enter(berth.owner), scheduler, report: parts.report, wait: connected.wait };
      const throttle = limits && createThrottle(cursor?.done ?? 0, { ...limits, onTime: () => side.incoming.acknowledge() });
      const setup = { pid, peer, codec: codecs, agreed: codec.name, store, contents, attachment, cursor, throttle };
      const side: ServerSide = createServerSide(setup, connected, settings);
      guest.side = side;
      return { endpoint: side, connections$: side.over(link) };
    });
}
