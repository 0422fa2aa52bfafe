import { filter, map, Subject, take, type Observable, type Subscription } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import type { ChannelOptions } from '../../lib/operators/channels/channelOptions.js';
import type { ChannelLog } from '../../lib/channels/channelLog.js';
import { hub, type Hub } from '../../lib/server/hub/hub.js';
import type { HubOptions } from '../../lib/server/hub/hubOptions.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { ServeOptions } from '../../lib/server/serve.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from './record.js';
import { network, type ClientOptions } from './sessionPair.js';

export const note = (text: unknown, id?: string): Message => createMessage('note', text, id === undefined ? {} : { id });

export const payloads = (messages: readonly Message[]): unknown[] => messages.map(({ payload }) => payload);

/** A server with a hub, and clients, in this process. */
export function rooms(options: HubOptions = {}, server: ServeOptions = {}) {
  const net = network();
  const served: Wire[] = [];
  const clients: Wire[] = [];
  const heard: string[] = [];
  let hall: Hub = hub(options);
  let errors = record(hall.errors$);
  const open = (): Subscription =>
    net.serve(server, (wire) => {
      served.push(wire);
      wire.pipe(filter(({ type }) => type.startsWith('channel.'))).subscribe(({ type }) => heard.push(type));
      hall.serve(wire);
    });
  let running = open();

  const client = (own: ClientOptions = {}): Wire => {
    const wire = net.connect(own);
    clients.push(wire);
    return wire;
  };
  return {
    ...{ net, client, clients },
    get hall() {
      return hall;
    },
    get errors() {
      return errors.values;
    },
    /** The types of what clients have said of channels. */
    heard,
    /** The server's wires. */
    served,
    /** A client in a channel, once it is in. */
    async member(name: string, own: ChannelOptions = {}, wire = client()) {
      const room = channel(wire, name, own);
      const messages = record(room);
      const states = record(room.state$);
      const gaps = record(room.gaps$);
      const faults = record(room.errors$);
      const statuses = (): string[] => states.values.map(({ status }) => status);
      const until = async (status: string): Promise<void> => {
        for (let seen = 1; statuses().at(-1) !== status; seen++) await states.take(Math.max(seen, states.values.length + 1));
      };
      await until('joined');
      return { wire, room, messages, states, gaps, faults, statuses, until };
    },
    /** Another server takes the place of this one; with another hub, if it is given options. */
    restart(other?: HubOptions): void {
      running.unsubscribe();
      if (other) {
        hall = hub(other);
        errors = record(hall.errors$);
      }
      running = open();
    },
    close(): void {
      clients.forEach((wire) => wire.unsubscribe());
      running.unsubscribe();
    },
  };
}

/** A log whose answers come when they are let through. */
export function slowLog(log: ChannelLog) {
  const gate$ = new Subject<void>();
  const later = <T>(answer: () => T | Observable<T>): Observable<T> =>
    gate$.pipe(
      take(1),
      map(() => answer() as T),
    );
  return {
    log: {
      // The hub reads nothing before it appends.
      dropsRepeats: true,
      append: (name, message) => later(() => log.append(name, message)),
      read: (name, query) => later(() => log.read(name, query)),
      tail: (name) => log.tail(name),
    } satisfies ChannelLog,
    /** Lets all through that was asked for. */
    release: (): void => gate$.next(),
    isAsked: (): boolean => gate$.observed,
  };
}

export const turn = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));
