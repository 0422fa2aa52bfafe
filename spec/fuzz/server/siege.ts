import { once } from 'node:events';
import { connect as openSocket, type Socket } from 'node:net';
import { collectedHeap } from '../heap.js';
import { mutantOf, type Mutant } from './mutant.js';
import { startTarget, type Target, type TargetOptions } from './target.js';

export interface SiegeOptions extends TargetOptions {
  readonly count: number;
  readonly seed: number;
  /** The first of them: each is the same whatever came before. @default 0 */
  readonly from?: number;
  /** How much memory is held: collecting garbage takes its time. @default what the heap and buffers hold */
  readonly heldNow?: () => Promise<number>;
}

/** What has come of it; `faults` is empty when all is well. */
export interface SiegeReport {
  readonly faults: readonly string[];
  /** How often each status was answered, `closed` when there was none. */
  readonly answers: Readonly<Record<string, number>>;
  /** Wires that clients got, all the same, messages that came over them, and how often one was closed as it was a flood. */
  readonly wires: number;
  readonly messages: number;
  readonly floods: number;
  /** MiB that are held in the end, beyond those at first. */
  readonly grown: number;
}

/** So many at once. */
const GROUP = 20;
/** Nothing of what came may stay, in MiB: but for what the runtime itself keeps, and the names of links of the last minute. */
const MAX_GROWTH = 12;
/** What is compiled and cached is no growth. */
const WARM_UP = 1_000;

/** Conversations in which something is wrong, with a server that has good clients, too. */
export async function siege({ count, seed, from: start = 0, heldNow = collectedHeap, ...options }: SiegeOptions): Promise<SiegeReport> {
  const target = await startTarget(options);
  const answers: Record<string, number> = {};
  const isWell = (): boolean => target.faults.length === 0;
  const escaped = (error: unknown): void => target.fault(`escaped: ${String(error)}`);
  process.on('uncaughtException', escaped).on('unhandledRejection', escaped);

  await target.settle();
  const before = target.rest();
  let held = 0;
  for (let done = 0; done < count && isWell(); done += GROUP) {
    if (done >= WARM_UP && held === 0) held = await heldNow();
    const seeds = Array.from({ length: Math.min(GROUP, count - done) }, (_, index) => seed * 1_000_000 + start + done + index);
    await attack(target, seeds, answers);
    if (!isWell()) target.fault(`again: --seed ${seed} --from ${start + done} --mutations ${GROUP}`);
  }
  await target.settle();
  const after = target.rest();
  const grown = held === 0 ? 0 : ((await heldNow()) - held) / 2 ** 20;
  if (after !== before) target.fault(`${after} are left, and there were ${before}`);
  if (grown > MAX_GROWTH) target.fault(`${grown.toFixed(1)} MiB have stayed`);
  await target.close();
  process.off('uncaughtException', escaped).off('unhandledRejection', escaped);
  return { faults: target.faults, answers, ...target.counted(), grown };
}

async function attack(target: Target, seeds: readonly number[], answers: Record<string, number>): Promise<void> {
  const mutants = seeds.map((seed) => ({ seed, ...mutantOf(seed) }));
  const sent = [...(await send(target, mutants, 0)), ...(await send(target, mutants, 1))];
  target.pass(100);
  const gone = sent.map(({ socket, seed, what }) => {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(socket.heard())?.[1] ?? 'nothing';
    answers[status] = (answers[status] ?? 0) + 1;
    if (status.startsWith('5') && status !== '503') target.fault(`${status} for the seed ${seed}: ${what}`);
    const left = target.left(socket.localPort!);
    // Some leave in good order, some break off.
    if (seed % 3 === 0) socket.end().destroySoon();
    if (seed % 3 === 1) socket.destroy();
    if (seed % 3 === 2) socket.resetAndDestroy();
    return left;
  });
  await Promise.all(gone);
}

async function send({ port, accepted, goesOn }: Target, mutants: readonly (Mutant & { readonly seed: number })[], lane: number) {
  const talking = mutants.filter(({ lanes }) => lane in lanes).map((mutant) => ({ ...mutant, socket: dial(port) }));
  await Promise.all(talking.map(({ socket }) => once(socket, 'connect')));
  await Promise.all(talking.map(({ socket }) => accepted(socket.localPort!)));
  for (const { socket, lanes } of talking) lanes[lane]!.forEach((piece) => socket.writable && socket.write(piece));
  for (let round = 0; round < 3 && (round === 0 || talking.some(({ socket }) => socket.heard() === '')); round++) await goesOn();
  return talking;
}

function dial(port: number): Socket & { readonly heard: () => string } {
  const socket = openSocket(port, '127.0.0.1').on('error', () => undefined);
  let text = '';
  socket.on('data', (data) => {
    if (text.length < 100) text += data.toString('latin1');
  });
  return Object.assign(socket, { heard: () => text });
}
