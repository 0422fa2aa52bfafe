import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChance } from '../simulation/chance.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { nothingDone, type Done } from './faults.js';
import { createRespawned, type Told } from './processes.js';
import { pieces, type StreamSetup } from './stream.js';

const READERS = 3;
/** How long it may take until all have all of it, once nothing fails any more, in ms. */
const CALM = 30_000;

export interface StreamOutcome {
  readonly seed: number;
  readonly failures: readonly string[];
  readonly done: Done;
  /** The bytes of the output. */
  readonly bytes: number;
  /** How often a reader was killed and started again. */
  readonly reloads: number;
  /** The files of the round, if something is wrong. */
  readonly folder: string;
}

/** A process of a stream. */
function actor(setup: () => StreamSetup, onTold: (told: Told) => void) {
  let isDone = false;
  const { start, kill } = createRespawned('spec/chaos/streamChild.ts', (told) => {
    if (told.kind === 'done') isDone = true;
    onTold(told);
  });
  return {
    get isDone() {
      return isDone;
    },
    start: () => start(setup()),
    kill,
  };
}

/** Lets a writer write a stream while its server, its readers and all connections fail, and compares what each reader has with the output. */
export async function runStream(seed: number, storm: number): Promise<StreamOutcome> {
  const { pick, whole } = createChance(seed);
  const folder = join('.tmp', 'chaos', `stream-${process.pid}-${seed}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const proxy = await tcpProxy(0);
  const failures: string[] = [];
  const done = nothingDone();
  let reloads = 0;
  const hear = (told: Told): void => {
    if (told.kind === 'failed') failures.push(told.reason);
  };
  const server = actor(
    () => ({ role: 'server', seed, folder: join(folder, 'log'), port: 0 }),
    (told) => {
      if (told.kind === 'up') proxy.aim(told.port);
      hear(told);
    },
  );
  const writer = actor(() => ({ role: 'writer', seed, folder: '', port: proxy.port }), hear);
  const files = Array.from({ length: READERS }, (_, index) => join(folder, `reader-${index}`));
  const readers = files.map((file) => actor(() => ({ role: 'reader', seed, folder: file, port: proxy.port }), hear));
  await server.start();
  await Promise.all([writer, ...readers.slice(0, -1)].map((one) => one.start()));

  // The storm is over with the stream.
  const end = performance.now() + storm;
  while (performance.now() < end && !writer.isDone) {
    await sleep(whole(20, 300));
    const reader = readers[whole(0, READERS - 2)];
    const what = pick(['cut', 'cut', 'kill', 'reload', 'reload'] as const);
    if (what === 'cut') done.cuts += pick([proxy.cut, proxy.cutNear])();
    else if (what === 'kill') {
      await server.kill();
      done.kills++;
      await server.start();
    } else if (reader && !reader.isDone) {
      await reader.kill();
      reloads++;
      await reader.start();
    }
  }
  // One comes late.
  await readers.at(-1)?.start();
  for (const until = performance.now() + CALM; performance.now() < until && ![writer, ...readers].every(({ isDone }) => isDone);)
    await sleep(20);
  await Promise.all([server, writer, ...readers].map((one) => one.kill()));
  await proxy.close();

  const output = pieces(seed)
    .map(({ text }) => text)
    .join('');
  if (!writer.isDone) failures.push(`the writer is not done after ${CALM} ms`);
  readers.forEach((reader, index) => {
    const got = textOf(files[index] as string);
    if (got === output && reader.isDone) return;
    let same = 0;
    while (same < got.length && got[same] === output[same]) same++;
    failures.push(
      `reader ${index}: ${got.length} of ${output.length} bytes, the first ${same} are the same${reader.isDone ? '' : ', no end'}`,
    );
  });
  if (failures.length === 0) rmSync(folder, { recursive: true });
  return { seed, failures, done, bytes: output.length, reloads, folder };
}

function textOf(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as { readonly text: string }).text).join('');
  } catch {
    return '';
  }
}

export function describeStreams(outcomes: readonly StreamOutcome[]): string {
  const sum = (of: (outcome: StreamOutcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return [
    `${outcomes.length} streams of ${sum(({ bytes }) => bytes).toLocaleString('en')} bytes in all, each with ${READERS} readers:`,
    `${sum(({ done }) => done.kills)} kills of the server, ${sum(({ reloads }) => reloads)} reloads, ${sum(({ done }) => done.cuts)} resets;`,
    `${outcomes.filter(({ failures }) => failures.length > 0).length} with a reader that has something else than the output`,
    '',
  ].join('\n');
}
