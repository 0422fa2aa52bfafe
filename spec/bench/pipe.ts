import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/freePort.js';
import { startExample, startServer, type ExampleProcess } from '../support/exampleProcess.js';
import { median, spread, type Result, type Suite } from './bench.js';
import { startRemote, type Report } from './remote.js';

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
const ROUNDS = 7;

/** What one end tells: its port, the bytes that it has received, the greatest size of its memory so far. */
interface PipeReports {
  readonly port: number;
  readonly received: number;
  readonly peak: number;
}

export type PipeReport = Report<PipeReports>;

interface Round {
  /** Bytes a second. */
  readonly rate: number;
  /** The greatest size of each process, in bytes. */
  readonly sender: number;
  readonly receiver: number;
}

/** Sends all bytes through one pipe, between two fresh processes. */
async function pipe(way: 'rxwire' | 'ws'): Promise<Round> {
  const program = 'spec/bench/pipeChild.ts';
  const receiver = startRemote<PipeReports>(`the receiver of ${way}`, program, [way, String(SIZE)]);
  const port = await receiver.next('port');
  const sender = startRemote<PipeReports>(`the sender of ${way}`, program, [way, String(SIZE), `ws://127.0.0.1:${port}/wire`]);
  await sender.next('port');
  const received = receiver.next('received');
  const begin = performance.now();
  sender.send('send');
  await received;
  const rate = (1_000 * SIZE) / (performance.now() - begin);
  const peaks = [sender, receiver].map((end) => {
    const peak = end.next('peak');
    end.send('peak');
    return peak;
  });
  const [of, to] = (await Promise.all(peaks)) as [number, number];
  await Promise.all([sender.stop(), receiver.stop()]);
  return { rate, sender: of, receiver: to };
}

async function pipes(): Promise<readonly Result[]> {
  const rounds: { readonly ours: Round; readonly theirs: Round }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Each is the first as often as the other.
    const first = round % 2 ? undefined : await pipe('rxwire');
    const theirs = await pipe('ws');
    rounds.push({ ours: first ?? (await pipe('rxwire')), theirs });
  }
  const rateOf = (side: 'ours' | 'theirs'): string => `${megabytes(median(rounds.map((round) => round[side].rate)))}/s`;
  const rss = (end: 'sender' | 'receiver'): Result => {
    const of = (side: 'ours' | 'theirs'): number => Math.max(...rounds.map((round) => round[side][end]));
    return limited(`rss of the ${end}, at most (ws: ${megabytes(of('theirs'))})`, of('ours'));
  };
  return [
    {
      name: 'a pipe of 200 MiB, wireDuplex',
      baseline: 'createWebSocketStream of ws',
      ours: rateOf('ours'),
      theirs: rateOf('theirs'),
      ...spread(rounds.map(({ ours, theirs }) => ours.rate / theirs.rate)),
      goal: 0.6,
    },
    rss('sender'),
    rss('receiver'),
  ];
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** The maximum size of each process. */
const MAX_RSS = 150e6;

function limited(name: string, rss: number): Result {
  const ratio = rss / MAX_RSS;
  return {
    name,
    baseline: 'limit',
    ours: megabytes(rss),
    theirs: megabytes(MAX_RSS),
    ratio,
    min: ratio,
    max: ratio,
    goal: 1,
    isCost: true,
  };
}

/** The greatest size that a process has had, in bytes; 0 if it has exited. */
function peakOf({ process: { pid = 0 } }: ExampleProcess): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

function writeFile(path: string): string {
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  for (let written = 0; written < SIZE; written += MIB) {
    const bytes = randomBytes(MIB);
    hash.update(bytes);
    writeSync(file, bytes);
  }
  closeSync(file);
  return hash.digest('hex');
}

/** Sends a file by the examples of docs/examples/node, and kills the receiver three times. */
async function killed(): Promise<readonly Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-bench-'));
  const [path, copy] = [join(folder, 'sent.bin'), join(folder, 'copy', 'sent.bin')];
  const sha256 = writeFile(path);
  const port = String(await freePort());
  const begin = performance.now();
  let receiver = await startServer('receiveFile', join(folder, 'copy'), port);
  const sender = startExample('sendFile', path, receiver.url);
  const peaks = { sender: 0, receiver: 0 };
  let kills = 0;
  const ended = sender.exited.then(() => true);
  while (!(await Promise.race([ended, sleep(5, false)]))) {
    peaks.receiver = Math.max(peaks.receiver, peakOf(receiver));
    if (sender.process.exitCode === null) peaks.sender = Math.max(peaks.sender, peakOf(sender));
    if (kills < 3 && (statSync(copy, { throwIfNoEntry: false })?.size ?? 0) > ((kills + 1) * SIZE) / 4) {
      kills++;
      await receiver.kill();
      receiver = await startServer('receiveFile', join(folder, 'copy'), port);
    }
  }
  const isSame = createHash('sha256').update(readFileSync(copy)).digest('hex') === sha256;
  const seconds = (performance.now() - begin) / 1_000;
  await receiver.kill();
  rmSync(folder, { recursive: true });
  const ratio = isSame && kills === 3 ? 1 : 0;
  const name = `a file of 200 MiB, ${kills} kill -9 of the receiver, ${seconds.toFixed(1)} s`;
  return [
    { name, baseline: 'sha256', ours: isSame ? 'identical' : 'different', theirs: 'identical', ratio, min: ratio, max: ratio, goal: 1 },
    limited('rss of its sender, at most', peaks.sender),
    limited('rss of its receivers, at most', peaks.receiver),
  ];
}

export const suite: Suite = [pipes, killed];
