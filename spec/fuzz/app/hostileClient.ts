/**
 * A hostile client, as a process of its own: node hostileClient.mjs <port>. It begins the attack that it receives over IPC, and ends it when it receives
 * none. It speaks the protocol of sessions, sends as much as the server takes, and opens another connection when one is closed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, Subject } from 'rxjs';
import { WebSocket } from 'ws';
import type { Message } from '../../../lib/message/types.js';
import { helloFrame, secret } from '../../support/sessionFrames.js';
import { createChance, type Chance } from '../server/chance.js';
import { ATTACKS, type Attack, type AttackCommand, type AttackOrder } from './attacks.js';

const [port = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit());

/** How a client treats what the server sends: it acks each message, none, or some late; or it does not read. */
const MANNERS = ['acks', 'acks', 'acks nothing', 'acks late', 'reads nothing'] as const;
/** The maximum size of the messages of a frame, in characters, and their maximum number. */
const FRAME = 200_000;
const COUNT = 250;
/** The time after which a client opens another connection, in ms. */
const LIFE = 700;

/** Sends the messages of an attack over one connection, until it ends. */
async function run(attack: Attack, chance: Chance, ended: Promise<unknown>): Promise<void> {
  const manner = chance.oneOf(MANNERS);
  const numbered = chance.pick(4) > 0;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/wire`, { perMessageDeflate: false });
  // The close event follows each error.
  const closed = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve));
  let [sent, allowed, round, received] = [0, 0, 0, 0];

  const ack = (): void => socket.send(`["ack",${received},1024]`);
  /** A frame of messages, as many as the server takes at present. */
  const next = (room: number): readonly Message[] => {
    const messages: Message[] = [];
    for (let size = 0; size < FRAME && messages.length < Math.min(room, COUNT);) {
      const step = attack(chance, round++);
      messages.push(...step);
      size += step.reduce((sum, { payload }) => sum + JSON.stringify(payload ?? null).length, 0);
    }
    return messages.slice(0, Math.min(room, COUNT));
  };
  const send = (): void => {
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < FRAME) {
      const room = numbered ? allowed - sent : COUNT;
      if (room <= 0) return;
      const messages = next(room);
      socket.send(
        `["msg",${numbered ? sent + 1 : 0},${messages.length},${JSON.stringify(messages.length === 1 ? messages[0] : messages)}]`,
      );
      if (numbered) sent += messages.length;
      else return;
    }
  };
  socket.on('message', (data) => {
    const text = (data as Buffer).toString();
    if (text.startsWith('["welcome"')) ack();
    const [, done, credit] = /^\["ack(?:msg)?",(\d+),(\d+)/.exec(text) ?? [];
    if (done !== undefined) allowed = Math.max(allowed, Number(done) + Number(credit));
    const [, first, count] = /^\["(?:msg",|ackmsg",(?:\d+,){4})(\d+),(\d+)/.exec(text) ?? [];
    if (first !== undefined && Number(first) > 0) received = Number(first) + Number(count) - 1;
    if (first !== undefined && manner === 'acks') ack();
    send();
  });
  await Promise.race([new Promise((resolve) => socket.on('open', resolve)), closed]);
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(helloFrame({ pid: secret() }));
  const timers = [setInterval(send, 2), setInterval(() => manner === 'acks late' && socket.readyState === WebSocket.OPEN && ack(), 100)];
  if (manner === 'reads nothing') setTimeout(() => socket.pause(), 50);
  await Promise.race([closed, ended, sleep(LIFE)]);
  timers.forEach(clearInterval);
  socket.terminate();
}

let order: AttackOrder | undefined;
process.on('message', (command: AttackCommand) => {
  order = command === 'end' ? undefined : command;
  ended$.next();
  if (order) void attack(order);
});
const ended$ = new Subject<void>();

/** Opens one connection after the other, until the order has changed. */
async function attack({ name, seed }: AttackOrder): Promise<void> {
  const mine = order;
  const ended = firstValueFrom(ended$);
  for (let life = 0; order === mine; life++) await run(ATTACKS[name] as Attack, createChance(seed + life), ended);
}

process.send?.({ kind: 'ready', value: true });
