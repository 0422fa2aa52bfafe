import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { filter, firstValueFrom, Subject } from 'rxjs';
import { messageState } from '../../lib/operators/sending/messageState.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { connect } from '../../lib/wire/connect.js';
import { freePort } from '../support/freePort.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';
import { wireServer } from '../support/wireServer.js';

const row = (id: string): Message => createMessage('test.row', id, { id });

describe('A message whose receipt is "stored"', () => {
  const folders: string[] = [];
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'rxwire-'));
    folders.push(path);
    return path;
  };
  afterEach(() => folders.splice(0).forEach((path) => rmSync(path, { recursive: true, force: true })));

  it('is sent by the next process, also when its own is killed at that moment', async () => {
    const path = folder();
    const outfile = 'node_modules/.cache/rxwire/storingProcess.mjs';
    buildSync({
      entryPoints: ['spec/promises/storingProcess.ts'],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
    });
    const args = [outfile, path, String(await freePort())];
    const killed = (await promisify(execFile)(process.execPath, args, { timeout: 20_000 }).catch((error: unknown) => error)) as {
      readonly stdout: string;
      readonly signal: string;
    };
    expect([killed.stdout, killed.signal]).toEqual(['stored', 'SIGKILL']);

    const arrivals = new Subject<Message>();
    const arrived = firstValueFrom(arrivals);
    const server = await wireServer((wire) => void wire.subscribe((message) => arrivals.next(message)));
    const wire = connect({ link: webSocket(server.url), outbox: lmdbOutbox({ path, name: 'rows' }) });
    expect((await arrived).id).toBe('a');
    wire.unsubscribe();
    await server.close();
  }, 40_000);

  it('has this receipt between "queued" and "sent", and messageState reports it also to a later subscriber', async () => {
    const { wire, up, down, serverWire, close } = pair({
      client: { outbox: lmdbOutbox({ path: folder(), name: 'rows' }) },
      onServerWire: (served) => served.subscribe(),
    });
    await serverWire();
    down();
    const receipts = record(wire.receipts$);
    expect(await wire.send(row('a'), { until: 'stored' })).toEqual({ id: 'a', status: 'stored' });
    expect(await firstValueFrom(messageState(wire, 'a'))).toEqual({ id: 'a', status: 'stored' });
    const acked = firstValueFrom(wire.receipts$.pipe(filter(({ status }) => status === 'acked')));
    up();
    await acked;
    expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'stored', 'sent', 'acked']);
    close();
  });

  it('does not exist without a durable outbox: send waits for the ack', async () => {
    const { wire, close } = pair({ onServerWire: (served) => served.subscribe() });
    const receipts = record(wire.receipts$);
    expect(await wire.send(row('a'), { until: 'stored' })).toMatchObject({ id: 'a', status: 'acked' });
    expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'sent', 'acked']);
    close();
  });
});
