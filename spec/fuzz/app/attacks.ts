import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { Chance } from '../server/chance.js';

/** The highest values of a server during a time. */
export interface ServerSample {
  /** The CPU time of the event loop between two ticks, in ms. */
  readonly stall: number;
  /** The time between two ticks for which the event loop did not wait for a core, in ms. */
  readonly blocked: number;
  /** The anonymous memory of the process, in bytes. */
  readonly memory: number;
  /** The number of messages of the hostile client. */
  readonly messages: number;
}

/** Begins an attack. */
export interface AttackOrder {
  readonly name: string;
  readonly seed: number;
}

/** What a hostile client receives: an attack that begins, or the end of the current one. */
export type AttackCommand = AttackOrder | 'end';

/** Channels with much history: many messages, or large ones. */
export const BIG_CHANNELS = [
  { name: 'big', count: 5_000, size: 4_000 },
  { name: 'huge', count: 100, size: 250_000 },
  { name: 'tiny', count: 50_000, size: 1 },
  { name: 'keyed', count: 3_000, size: 2_000 },
] as const;
export const KEYED = 'keyed';
export const CROWDED = 'crowded';

/** Returns the messages of the next step of an attack. */
export type Attack = (chance: Chance, round: number) => readonly Message[];

const send = (type: string, payload: unknown, options: object = {}): Message =>
  createMessage(type, payload, { delivery: 'at-least-once', ...options });
const anyBig = ({ oneOf }: Chance): string => oneOf(BIG_CHANNELS).name;
const history = (channel: string, fields: object = {}): Message => send('channel.history', { channel, limit: 1_000, ...fields });
const join = (channel: string, round: number, fields: object): Message => send('channel.join', { channel, join: round + 1, ...fields });
const leave = (channel: string): Message => send('channel.leave', { channel });
const publish = (channel: string, payload: unknown, fields: object = {}): Message =>
  send('channel.publish', { channel, message: createMessage('test.item', payload), ...fields });

const VALUES = [null, -1, 0.5, 2 ** 53, '', 'x'.repeat(200), '__proto__', [], {}, { epoch: 'x', offset: 1 }, [[[[]]]], true];
const TYPES = ['join', 'leave', 'publish', 'history', 'watch', 'update', 'reset', 'joined', 'message', 'past', 'ended', 'presence', 'any'];
const FIELDS = ['channel', 'join', 'after', 'before', 'start', 'history', 'limit', 'watch', 'state', 'message', 'ephemeral', 'confirm'];

/** A message of the protocol of channels whose fields are chosen at random. */
const anything = (chance: Chance): Message => {
  const valueOf = (field: string): unknown => {
    if (field === 'channel' && chance.pick(4) > 0) return chance.oneOf([...BIG_CHANNELS.map(({ name }) => name), CROWDED, 'any']);
    if (chance.pick(2) === 0) return chance.pick(2_000);
    return chance.oneOf(VALUES);
  };
  const fields = FIELDS.filter((field) => field === 'channel' || chance.pick(3) === 0).map((field) => [field, valueOf(field)]);
  return send(`channel.${chance.oneOf(TYPES)}`, Object.fromEntries(fields));
};

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'history of a channel of 4 kB messages': () => [history('big')],
  'history of a channel of 250 kB messages': () => [history('huge')],
  'history of a channel of tiny messages': () => [history('tiny')],
  'history with small limits': (chance) => [history(anyBig(chance), { limit: chance.pick(3) })],
  'history before unknown positions': (chance) => [history(anyBig(chance), { before: { epoch: 'x', offset: chance.pick(60_000) } })],
  'history of channels that do not exist': (chance) => [history(`none.${chance.pick(100_000)}`)],
  'repeated joins with history': (chance, round) => [join(anyBig(chance), round, { history: 1_000 })],
  'repeated joins from the start': (chance, round) => [join(anyBig(chance), round, { start: true })],
  'joins and leaves': (chance, round) => {
    const channel = anyBig(chance);
    return [join(channel, round, { start: true, watch: true }), leave(channel), join(channel, round + 1, { history: 1_000 })];
  },
  'joins of many channels': (chance, round) => [join(`many.${chance.pick(1_000)}`, round, { start: true, watch: true })],
  'joins of unknown positions': (chance, round) => [join(anyBig(chance), round, { after: { epoch: 'x', offset: chance.pick(60_000) } })],
  'watches of a crowded channel': (_, round) =>
    round === 0 ? [join(CROWDED, 0, { watch: true })] : [send('channel.watch', { channel: CROWDED, watch: true })],
  'joins of a crowded channel': (_, round) => [join(CROWDED, round, { watch: true })],
  'updates of the presence': (_, round) =>
    round === 0 ? [join('calm', 0, { watch: true })] : [send('channel.update', { channel: 'calm', state: 'x'.repeat(3_000) })],
  'large messages to a channel': (_, round) =>
    round === 0 ? [join('loud', 0, { history: 1_000 })] : [publish('loud', 'x'.repeat(100_000), { confirm: true })],
  'messages to many channels': (chance) => [publish(`many.${chance.pick(1_000)}`, 'x')],
  'ephemeral messages': (_, round) => (round === 0 ? [join('loud', 0, {})] : [publish('loud', 'x'.repeat(100_000), { ephemeral: true })]),
  'large requests': () => [send('test.echo', 'x'.repeat(100_000))],
  'small requests': () => [send('test.echo', null)],
  'slow requests': () => [send('test.slow', 'x'.repeat(100_000))],
  'requests with many replies': () => [send('test.many', null)],
  'requests that are cancelled': () => {
    const request = send('test.slow', null);
    return [request, send('request.cancel', null, { correlationId: request.id })];
  },
  'requests without a handler': () => [send('test.unknown', 'x'.repeat(1_000))],
  'malformed messages of channels': (chance) => [anything(chance)],
};
