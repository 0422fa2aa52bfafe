import { filter, firstValueFrom, Subject, take } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connect, createMessage, webSocket, type Wire } from '../../lib/index.js';
import { mebibytes, riseOf } from '../chaos/memory/flatness.js';
import { median, perSecond, type Result, type Suite } from './bench.js';
import { startServer } from './servers/server.js';

const CONNECTIONS = 1_000;
/** Of them, those that never read. */
const STALLED = 10;
const AT_ONCE = 50;
/** Questions that are open at any time, to one connection after the other. */
const OPEN = 64;
const PAYLOAD = 'x'.repeat(100);
/** How long one side is measured before it is the other's turn, in ms. */
const TURN = 500;
/** After so many turns of both the memory is looked at. */
const TURNS = 4;
const MINUTES = Number(process.env['BENCH_MINUTES']) || 0.5;
/** How far the memory may rise from the first third of the time to the last, in bytes. */
const MAX_RISE = 32 * 2 ** 20;

/** A socket that reads no more once it is welcome; that is so again after each time that its server has given it up. */
class Stalled extends WebSocket {
  constructor(url: string) {
    super(url, { perMessageDeflate: false });
    this.once('message', () => setImmediate(() => this.pause()));
  }
}

async function open(url: string, isStalled: boolean): Promise<Wire> {
  const options = isStalled ? { WebSocket: Stalled as never } : {};
  const wire = connect({ link: webSocket(url, options), window: isStalled ? 16 : 1_024 });
  await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
  return wire;
}

/** Those of the clients that read. */
async function openAll(url: string, stalled: number): Promise<readonly Wire[]> {
  const wires: Wire[] = [];
  while (wires.length < CONNECTIONS) {
    const begun = wires.length;
    wires.push(...(await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => open(url, begun + index < stalled)))));
  }
  return wires.slice(stalled);
}

/** What one turn tells: questions that were answered in a second; how long that took, and for the slowest hundredth at least, in ms. */
interface Turn {
  readonly rate: number;
  readonly latency: number;
  readonly worst: number;
}

/** Asks one after the other, and has as many questions open all the time. */
function asking(wires: readonly Wire[]): () => Promise<Turn> {
  const answered$ = new Subject<void>();
  const waiting = new Map<Wire, number>();
  let latencies: number[] = [];
  let turn = 0;
  let isOver = true;

  const ask = (): void => {
    const wire = wires[turn++ % wires.length];
    if (!wire) return;
    waiting.set(wire, performance.now());
    wire.next(createMessage('bench.asked', PAYLOAD));
  };
  for (const wire of wires)
    wire.pipe(filter(({ type }) => type === 'bench.answered')).subscribe(() => {
      latencies.push(performance.now() - (waiting.get(wire) ?? NaN));
      waiting.delete(wire);
      if (!isOver) ask();
      else if (waiting.size === 0) answered$.next();
    });
  return async () => {
    latencies = [];
    isOver = false;
    const start = performance.now();
    for (let count = 0; count < OPEN; count++) ask();
    await sleep(TURN);
    isOver = true;
    const rate = (1_000 * latencies.length) / (performance.now() - start);
    await firstValueFrom(answered$.pipe(take(1)));
    const sorted = [...latencies].sort((a, b) => a - b);
    return { rate, latency: median(sorted), worst: sorted[Math.floor(sorted.length * 0.99)] ?? NaN };
  };
}

interface Round {
  readonly ours: Turn;
  readonly theirs: Turn;
}

/** Each is the first as often as the other. */
async function roundOf({ ours, theirs }: Readonly<Record<keyof Round, () => Promise<Turn>>>, isFirst: boolean): Promise<Round> {
  if (isFirst) return { ours: await ours(), theirs: await theirs() };
  const other = await theirs();
  return { ours: await ours(), theirs: other };
}

/** @param value More of it is better. */
function compared(rounds: readonly Round[], value: (turn: Turn) => number, show: (value: number) => string) {
  const ratios = rounds.map(({ ours, theirs }) => value(ours) / value(theirs));
  return {
    baseline: 'none stalled',
    ours: show(median(rounds.map(({ ours }) => value(ours)))),
    theirs: show(median(rounds.map(({ theirs }) => value(theirs)))),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
  };
}

function flatness(rss: readonly number[]): Result {
  const rise = riseOf(rss);
  const ratio = MAX_RISE / Math.max(2 ** 20, rise);
  const name = `rss of the server in ${MINUTES} min, at last beside at first`;
  const ours = `${rise < 0 ? '−' : '+'}${mebibytes(Math.abs(rise))} of ${mebibytes(median(rss))} MiB`;
  return { name, baseline: 'limit', ours, theirs: `+${mebibytes(MAX_RISE)} MiB`, ratio, min: ratio, max: ratio, goal: 1 };
}

async function stalledAmongOthers(): Promise<readonly Result[]> {
  const servers = { ours: await startServer('busy'), theirs: await startServer('busy') };
  const ask = { ours: asking(await openAll(servers.ours.url, STALLED)), theirs: asking(await openAll(servers.theirs.url, 0)) };
  const rss: number[] = [];
  const rounds: Round[] = [];
  // What is compiled meanwhile is no part of it.
  for (const side of ['ours', 'theirs', 'ours', 'theirs'] as const) await ask[side]();
  const end = performance.now() + MINUTES * 60_000;
  while (performance.now() < end) {
    for (let turn = 0; turn < TURNS; turn++) rounds.push(await roundOf(ask, turn % 2 === 0));
    // Of both: who has just collected its garbage is not as who has not.
    const [{ rss: now, dropped }] = await Promise.all([servers.ours.usage(), servers.theirs.usage()]);
    rss.push(now);
    if (dropped === 0) throw new Error('nobody is stalled');
  }
  await Promise.all([servers.ours.stop(), servers.theirs.stop()]);
  const goal = 0.9;
  return [
    { name: `answers of a server, ${STALLED} of its ${CONNECTIONS} stalled`, ...compared(rounds, ({ rate }) => rate, perSecond), goal },
    { name: 'how long they take', ...compared(rounds, ({ latency }) => 1 / latency, milliseconds), goal },
    { name: 'how long the slowest hundredth takes', ...compared(rounds, ({ worst }) => 1 / worst, milliseconds) },
    flatness(rss),
  ];
}

const milliseconds = (speed: number): string => `${(1 / speed).toFixed(1)} ms`;

export const suite: Suite = [stalledAmongOthers];
