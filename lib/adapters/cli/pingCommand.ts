import type { Command } from 'commander';
import { firstValueFrom, from, map, merge, mergeMap, noop, throwError, timer } from 'rxjs';
import { RequestTimeoutError } from '../../message/errors.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { InspectedFrame } from '../../wire/session/inspected.js';
import type { Wire } from '../../wire/wire.js';
import { escapeControls } from '../../message/escapeControls.js';
import { type CommandContext, type RunCommand, ExitCode, exitCodeOf, signalCode } from './commandContext.js';
import {
  LINKS,
  positiveNumberOption,
  reasonOf,
  addClient,
  withWire,
  type ConnectionFlags,
  type TransportName,
} from './connectionOptions.js';
import { percentiles, preciseNow, type Percentiles } from './printable.js';

interface PingFlags extends ConnectionFlags {
  readonly count: number;
  readonly timeout: number;
}

/** The times of the pings over one transport, and the codec and session that both sides use. */
interface PingResult extends Percentiles {
  readonly count: number;
  readonly codec?: string;
  readonly session?: string;
  /** The time within which a frame must arrive from each side, in ms. */
  readonly pingInterval?: number;
}

export function addPing(program: Command, run: RunCommand): void {
  addClient(program, 'ping', 'measure the round trip over each transport, and report which of them work')
    .option('--count <n>', 'pings over each transport', positiveNumberOption, 10)
    .option('--timeout <ms>', 'the longest time for the pings over one transport', positiveNumberOption, 5_000)
    .action((url: string, flags: PingFlags) => run((context) => pingAll(url, flags, context)));
}

/** Tries one transport after the other, in the order of a client with a fallback. */
async function pingAll(url: string, flags: PingFlags, context: CommandContext): Promise<number> {
  const names = flags.transport === undefined ? (Object.keys(LINKS) as TransportName[]) : [flags.transport];
  const all = async (): Promise<number> => {
    let isInUse = true;
    let failed: number = ExitCode.DONE;
    for (const transport of names) {
      context.progress(`${transport} …`);
      try {
        await printResult(transport, await pingOver(url, { ...flags, transport, reconnect: false }, context), isInUse, context);
        isInUse = false;
      } catch (error) {
        await printFailure(transport, reasonOf(error), context);
        // A refusal explains more than a missing answer.
        if (failed !== ExitCode.FAILED) failed = exitCodeOf(error);
      }
    }
    return isInUse ? failed : ExitCode.DONE;
  };
  return firstValueFrom(merge(from(all()), context.stop$.pipe(map(signalCode))));
}

async function pingOver(url: string, flags: PingFlags, context: CommandContext): Promise<PingResult> {
  const { count, timeout } = flags;
  const late$ = timer(timeout).pipe(mergeMap(() => throwError(() => new RequestTimeoutError('ping', timeout))));
  let agreed: Partial<PingResult> = {};
  const onFrame = ({ kind, fields }: InspectedFrame): void => {
    if (kind !== 'welcome') return;
    const { codec, sid: session, ping: pingInterval } = fields as { readonly codec: string; readonly sid: string; readonly ping: number };
    agreed = { codec, session, pingInterval };
  };
  const times = await withWire(url, flags, { ...context, note: noop }, (wire) => merge(ping(wire, count), late$), onFrame);
  return { ...agreed, ...times, count };
}

async function ping(wire: Wire, count: number): Promise<Percentiles> {
  const times: number[] = [];
  // The first ping waits for the connection.
  await send(wire);
  for (let sent = 0; sent < count; sent++) times.push(await send(wire));
  return percentiles(times);
}

/** Returns the time until the ack, in ms. */
async function send(wire: Wire): Promise<number> {
  const start = preciseNow();
  await wire.send(createMessage('system.ping', { timestamp: wallTime(steadyScheduler()) }, { delivery: 'at-least-once' }));
  return preciseNow() - start;
}

function printFailure(transport: TransportName, reason: string, { print, progress, style }: CommandContext): Promise<void> {
  progress('');
  const text = (): string => `${style('bold', transport.padEnd(12))}  ${style('red', 'does not work')}  ${escapeControls(reason)}`;
  return print({ transport, works: false, reason }, text);
}

function printResult(
  transport: TransportName,
  result: PingResult,
  isInUse: boolean,
  { print, progress, style }: CommandContext,
): Promise<void> {
  progress('');
  const { codec, session, pingInterval, count, min, p50, p95, max } = result;
  const text = (): string =>
    [
      style('bold', transport.padEnd(12)),
      style('green', isInUse ? 'works, in use' : 'works'),
      `min ${min} ms, p50 ${p50} ms, p95 ${p95} ms, max ${max} ms`,
      style('gray', `${count} pings, ${escapeControls(codec ?? '?')}, session ${escapeControls(session ?? '?')}`),
    ].join('  ');
  return print({ transport, works: true, isInUse, codec, session, pingInterval, count, min, p50, p95, max }, text);
}
