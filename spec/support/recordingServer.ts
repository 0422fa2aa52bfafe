import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { firstValueFrom, ReplaySubject, take, toArray } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import type { RxwireError } from '../../lib/message/errors.js';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import type { HelloPayload, Message } from '../../lib/message/types.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import type { Wire } from '../../lib/wire/wire.js';
import { rawClient, type Peer } from './peer.js';
import { record } from './record.js';
import { wireServer } from './wireServer.js';

export const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', null, { ...options, id });

export const secret = (): string => randomBytes(24).toString('base64url');

/** The text of a frame. */
export const frame = (...batch: readonly Message[]): string => json().encode(batch) as string;

export const hello = (session: string, payload: Partial<HelloPayload> = {}): Message =>
  createMessage('system.hello', { session, resume: false, delivery: 'at-least-once', ...payload });

export const ack = (id: string): Message => createMessage('ack', null, { correlationId: id });

/** A served wire, with all that it has emitted and reported from its first moment on. */
export type Served = ReturnType<typeof watch>;

function watch(wire: Wire) {
  return { wire, messages: record(wire), errors: record(wire.errors$), state: record(wire.state$) };
}

/** A real server that keeps its wires for the test. */
export async function serve(options: ListenOptions<Principal | undefined> = {}) {
  const wires$ = new ReplaySubject<Served>();
  const refused: RxwireError[] = [];
  const sockets = new Set<Socket>();
  const server = await wireServer((wire) => wires$.next(watch(wire)), options);
  server.refused$.subscribe((error) => refused.push(error));
  server.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  let count = 0;
  wires$.subscribe(() => count++);
  return {
    ...server,
    refused,
    /** How many there were. */
    count: (): number => count,
    /** The wire that was emitted as the `index`th, from 0. */
    wire: async (index = 0): Promise<Served> => (await firstValueFrom(wires$.pipe(take(index + 1), toArray())))[index]!,
    /** Resolves when no client is connected any more. */
    empty: async (): Promise<void> => {
      await Promise.all([...sockets].map((socket) => once(socket, 'close')));
    },
  };
}

/** The messages that a plain client has got, as `type` or, of the application's, as id; acks as `ack:id`. */
export async function got(peer: Peer, count: number): Promise<readonly string[]> {
  const messages: string[] = [];
  for (let frames = 1; messages.length < count; frames++) {
    const all = await peer.frames(frames);
    messages.push(
      ...json()
        .decode(all[frames - 1]!)
        .map(show),
    );
  }
  return messages;
}

function show({ type, id, correlationId = '' }: Message): string {
  return type === 'ack' ? `ack:${correlationId}` : type === 'test.any' ? id : type;
}

/** A plain client that has said hello. */
export async function greetedClient(url: string, session = secret(), payload: Partial<HelloPayload> = {}): Promise<Peer> {
  const client = await rawClient(url);
  client.socket.send(frame(hello(session, payload)));
  await client.frames(1);
  return client;
}
