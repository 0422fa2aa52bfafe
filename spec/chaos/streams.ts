import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChance } from '../simulation/chance.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { nothingDone, type Done } from './faults.js';
import { createRespawned, type Told } from './processes.js';
import { pieces, STEPS, WRITERS, type StreamSetup } from './stream.js';

const READERS = 3;
/** How long all may stand still until all have all of it, once nothing fails any more, in ms. */
const CALM = 30_000;

export interface StreamOutcome {
  readonly seed: number;
  readonly failures: readonly string[];
  readonly done: Done;
  /** The bytes of the output. */
  readonly bytes: number;
  /** How often a reader was killed and started again. */
  readonly reloads: number;
  /** How many readers began during the storm, and after it. */
  readonly late: number;
  /** The files of the round, if something is wrong. */
  readonly folder: string;
}

/** A process of a stream. */
function actor(setup: () => StreamSetup, onTold: (told: Told) => void) {
  let isDone = false;
  const { start, kill, send } = createRespawned('spec/chaos/streamChild.ts', (told) => {
    if (told.kind === 'done') isDone = true;
    onTold(told);
  });
  return {
    get isDone() {
      return isDone;
    },
    start: () => start(setup()),
    kill,
    send,
  };
}

/**
 * Lets two writers write a stream while its server, its readers and all connections fail. At each step another reader begins. Compares what
 * each reader has with the output.
 */
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
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    actor(
      () => ({ role: 'writer', seed, folder: '', port: proxy.port, writer: index }),
      (told) => {
        hear(told);
        if (told.kind === 'done' && writers.slice(1).every(({ isDone }) => isDone)) writers[0]?.send('end');
      },
    ),
  );
  const files = Array.from({ length: READERS }, (_, index) => join(folder, `reader-${index}`));
  const readers = files.map((file) => actor(() => ({ role: 'reader', seed, folder: file, port: proxy.port }), hear));
  const late = actor(() => ({ role: 'lateReaders', seed, folder: '', port: proxy.port }), hear);
  const all = [...writers, ...readers, late];
  await server.start();
  await Promise.all(all.map((one) => one.start()));

  /** Begins a reader at the start, or at the position of a message that another reader has received. */
  const beginReader = (): void => {
    const file = join(folder, `late-${files.length}`);
    const lines = linesOf(files[0] as string);
    if (pick([true, false])) writeFileSync(file, lines.slice(0, whole(0, lines.length)).join(''));
    files.push(file);
    late.send(file);
  };
  for (let step = 0; step < STEPS; step++) {
    writers.forEach((writer) => writer.send('write'));
    await sleep(whole(0, (2 * storm) / STEPS));
    beginReader();
    const reader = readers[whole(0, READERS - 1)];
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
  const read = (): number => files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  await untilStill(() => writers[0]?.isDone === true, read);
  // One begins behind the end.
  beginReader();
  late.send('');
  const isDone = (): boolean => all.every((one) => one.isDone);
  await untilStill(isDone, read);
  if (!isDone()) failures.push(`not all writers and readers are done, and none has gone on for ${CALM} ms`);
  await Promise.all([server, ...all].map((one) => one.kill()));
  await proxy.close();

  const outputs = writers.map((_, writer) => pieces(seed, writer).map(({ text }) => text));
  const texts = files.map(textOf);
  texts.forEach((text, index) => failures.push(...faultsOf(text, outputs, texts[0] as string).map((fault) => `${files[index]}: ${fault}`)));
  if (failures.length === 0) rmSync(folder, { recursive: true });
  return { seed, failures, done, bytes: outputs.flat().join('').length, reloads, late: files.length - READERS, folder };
}

/** Waits until all is done, or until a number has stayed the same for a while. */
async function untilStill(isDone: () => boolean, progress: () => number): Promise<void> {
  let reached = progress();
  for (let until = performance.now() + CALM; performance.now() < until && !isDone();) {
    await sleep(100);
    const now = progress();
    if (now > reached) until = performance.now() + CALM;
    reached = now;
  }
}

/** Returns what is wrong with the text of a reader: each output must be in it once, in order, and all readers must have the same text. */
export function faultsOf(text: string, outputs: readonly (readonly string[])[], other: string): readonly string[] {
  const found = text.match(/[^;]*;/g) ?? [];
  const faults = outputs.flatMap((output, writer) => {
    const own = found.filter((piece) => piece.startsWith(`${writer}:`));
    const same = own.findIndex((piece, index) => piece !== output[index]);
    const first = same < 0 ? own.length : same;
    return own.length === output.length && same < 0
      ? []
      : [`${own.length} of ${output.length} pieces of writer ${writer}, the first ${first} are right`];
  });
  return faults.length > 0 || text === other ? faults : ['the pieces of the writers are in another order than those of the first reader'];
}

/** Returns the complete lines of a file. */
function linesOf(file: string): readonly string[] {
  return existsSync(file) ? (readFileSync(file, 'utf8').match(/.*\n/g) ?? []) : [];
}

function textOf(file: string): string {
  return linesOf(file)
    .map((line) => (JSON.parse(line) as { readonly text: string }).text)
    .join('');
}

export function describeStreams(outcomes: readonly StreamOutcome[]): string {
  const sum = (of: (outcome: StreamOutcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return [
    `${outcomes.length} streams of ${sum(({ bytes }) => bytes).toLocaleString('en')} bytes in all, each of ${WRITERS} writers and with ${READERS} readers,`,
    `and ${sum(({ late }) => late)} that began one by one, at each step of the storm and behind it:`,
    `${sum(({ done }) => done.kills)} kills of the server, ${sum(({ reloads }) => reloads)} reloads, ${sum(({ done }) => done.cuts)} resets;`,
    `${outcomes.filter(({ failures }) => failures.length > 0).length} with a reader that has something else than the output`,
    '',
  ].join('\n');
}
