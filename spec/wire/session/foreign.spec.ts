import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createMessage } from '../../../lib/message/createMessage.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { foreignClient } from '../../support/foreignClient.js';
import { foreignServer } from '../../support/foreignServer.js';
import { wireServer } from '../../support/wireServer.js';

const MESSAGES = 2_000;
const CUTS = 20;
const numbers = Array.from({ length: MESSAGES }, (_, index) => index);

/** Sends all there is from both sides, and cuts the connection now and then. */
async function exchange(sendHere: (number: number) => void, sendThere: (number: number) => void, cut: () => void): Promise<void> {
  for (const number of numbers) {
    sendHere(number);
    sendThere(number);
    if (number % (MESSAGES / CUTS) === 50) cut();
    if (number % 10 === 0) await pause(1);
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(5);
}

describe('docs/protocol.md is enough', () => {
  it('for a client that exchanges messages with listen, each once and in order, while the connection is cut 20 times', async () => {
    const [here, there]: [unknown[], unknown[]] = [[], []];
    let wire: Wire | undefined;
    const server = await wireServer((one) => {
      wire = one;
      one.subscribe(({ payload }) => there.push(payload));
    });
    const client = foreignClient(server.url, (payload) => here.push(payload));
    await until(() => wire !== undefined);
    await exchange(client.send, (number) => wire!.next(createMessage('test.any', number)), client.cut);
    await until(() => here.length >= MESSAGES && client.unacked() === 0);
    expect(there).toEqual(numbers);
    expect(here).toEqual(numbers);
    client.close();
    await until(() => wire!.state.status === 'disconnected');
    await server.close();
  }, 20_000);

  it('for a server that exchanges messages with connect, each once and in order, while the connection is cut 20 times', async () => {
    const [here, there]: [unknown[], unknown[]] = [[], []];
    const server = await foreignServer((payload) => there.push(payload));
    const wire = connect({ link: webSocket(server.url), delivery: 'exactly-once', reconnect: { initialInterval: 5, maxInterval: 5 } });
    wire.subscribe(({ payload }) => here.push(payload));
    await until(() => wire.state.status === 'connected');
    await exchange((number) => wire.next(createMessage('test.any', number)), server.send, server.cut);
    await until(() => there.length >= MESSAGES && here.length >= MESSAGES);
    expect(there).toEqual(numbers);
    expect(here).toEqual(numbers);
    wire.unsubscribe();
    await server.close();
  }, 20_000);

  it.each(['foreignClient', 'foreignServer'])('spec/support/%s.ts imports nothing of lib/', (name) => {
    expect(readFileSync(`spec/support/${name}.ts`, 'utf8')).not.toMatch(/from '\.\./);
  });
});
