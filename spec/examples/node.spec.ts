import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ofType } from '../../lib/index.js';
import { eventually } from '../support/eventually.js';
import { killExamples, startExample, startServer } from '../support/exampleProcess.js';
import { freePort } from '../support/freePort.js';
import { wireServer } from '../support/wireServer.js';

const MIB = 1024 * 1024;
const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'rxwire-node-'));
  folders.push(made);
  return made;
};
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

afterEach(async () => {
  await killExamples();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

describe('stdin to a wire, and a wire to stdout', () => {
  it('pipes bytes from one process to the other, and ends', async () => {
    const receiver = await startServer('wireToStdout', '0');
    const sender = startExample('stdinToWire', receiver.url);
    const text = Array.from({ length: 50_000 }, (_, line) => `line ${line}\n`).join('');
    sender.process.stdin?.end(text);
    expect([await sender.exited, sender.stderr()]).toEqual([0, '']);
    await eventually(() => expect(receiver.stdout().length).toBe(text.length));
    expect(receiver.stdout()).toBe(text);
  });

  it('ends without an error when the reader of stdout has closed it, and the sender receives the failure', async () => {
    const receiver = await startServer('wireToStdout', '0');
    const sender = startExample('stdinToWire', receiver.url);
    receiver.process.stdout?.destroy();
    sender.process.stdin?.end('x'.repeat(MIB));
    expect(await receiver.exited).toBe(0);
    await eventually(() =>
      expect(sender.stderr()).toMatch(/^the stream "stdin" was closed before its end: the other side has destroyed it \(see \S+\)\n$/),
    );
    expect(await sender.exited).toBe(1);
    expect(receiver.stderr()).not.toContain('Error');
  });
});

describe('a file with a progress bar', () => {
  it('is identical after three kills of the receiver, and one of the sender', async () => {
    const [from, to] = [folder(), folder()];
    const [path, copy] = [join(from, 'film.bin'), join(to, 'film.bin')];
    writeFileSync(path, randomBytes(48 * MIB));
    const port = String(await freePort());
    let receiver = await startServer('receiveFile', to, port);
    let sender = startExample('sendFile', path, receiver.url);
    for (const share of [0.1, 0.3, 0.5, 0.7]) {
      await eventually(() => expect(existsSync(copy) && statSync(copy).size).toBeGreaterThan(share * 48 * MIB), 15_000);
      if (share === 0.5) {
        await sender.kill();
        sender = startExample('sendFile', path, receiver.url);
      } else {
        await receiver.kill();
        expect(statSync(copy).size).toBeLessThan(48 * MIB);
        receiver = await startServer('receiveFile', to, port);
      }
    }
    expect(await sender.exited).toBe(0);
    expect(sender.stderr()).toMatch(/█{40} 100\.0 %\s+film\.bin: identical/);
    expect(sha256(copy)).toBe(sha256(path));
  }, 60_000);
});

describe('a mirrored folder', () => {
  /** The content of each file of a folder. */
  const contentOf = (path: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(path, name)).isFile())
        .map((name) => [name, sha256(join(path, name))]),
    );

  it('follows new, changed and removed files, through a kill of either side', async () => {
    const [from, to] = [folder(), join(folder(), 'copy')];
    mkdirSync(join(from, 'sub'));
    writeFileSync(join(from, 'a.txt'), 'a');
    writeFileSync(join(from, 'sub', 'large.bin'), randomBytes(2 * MIB));
    writeFileSync(join(from, 'empty'), '');
    const port = String(await freePort());
    let receiver = await startServer('mirrorReceive', to, port);
    const sender = startExample('mirrorSend', from, receiver.url);
    const same = () => eventually(() => expect(contentOf(to)).toEqual(contentOf(from)), 10_000);
    await same();
    writeFileSync(join(from, 'a.txt'), 'changed');
    writeFileSync(join(from, 'b.txt'), 'new');
    rmSync(join(from, 'empty'));
    await same();
    await receiver.kill();
    writeFileSync(join(from, 'c.bin'), randomBytes(3 * MIB));
    receiver = await startServer('mirrorReceive', to, port);
    await same();
    await sender.kill();
    rmSync(join(from, 'sub'), { recursive: true });
    startExample('mirrorSend', from, receiver.url);
    await same();
    expect(Object.keys(contentOf(from))).toEqual(expect.arrayContaining(['a.txt', 'b.txt', 'c.bin']));
  }, 60_000);
});

describe('a worker with a durable outbox', () => {
  it('delivers the results that it stored before it was killed, once, in order', async () => {
    const outbox = folder();
    const port = await freePort();
    const url = `ws://127.0.0.1:${port}/wire`;
    const first = startExample('worker', outbox, url);
    first.process.stdin?.write(Array.from({ length: 20 }, (_, job) => `${job}\n`).join(''));
    // There is no server yet.
    await eventually(() => expect(first.stdout().trim().split('\n')).toHaveLength(20), 10_000);
    await first.kill();

    const results: unknown[] = [];
    const server = await wireServer(
      (wire) => wire.pipe(ofType('job.done')).subscribe(({ payload }) => results.push(payload.job)),
      {},
      port,
    );
    const second = startExample('worker', outbox, url);
    second.process.stdin?.end('20\n');
    expect(await second.exited).toBe(0);
    expect(results).toEqual(Array.from({ length: 21 }, (_, job) => String(job)));
    await server.close();
  }, 30_000);
});
