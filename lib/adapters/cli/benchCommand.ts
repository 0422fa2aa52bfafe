import type { Command } from 'commander';
import { count as countAll, lastValueFrom, map, merge } from 'rxjs';
import { sendAll } from '../../operators/sending/sendAll.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { type CommandContext, type RunCommand, ExitCode, signalCode } from './commandContext.js';
import { positiveNumberOption, wholeNumberOption, addClient, withWire, type ConnectionFlags } from './connectionOptions.js';
import { percentiles, preciseNow, type Percentiles } from './printable.js';

interface BenchFlags extends ConnectionFlags {
  readonly seconds: number;
  readonly size: number;
  readonly ahead: number;
}

export function addBench(program: Command, run: RunCommand): void {
  addClient(
    program,
    'bench',
    'measure the acked messages a second, and the round trip of one message',
    'the address of the server, which must ack the messages, such as rxwire serve',
  )
    .option('--seconds <n>', 'the time for each of both', positiveNumberOption, 3)
    .option('--size <bytes>', 'the length of the payload, a text', wholeNumberOption, 100)
    .option('--ahead <n>', 'messages that may be on their way', positiveNumberOption, 256)
    .action((url: string, flags: BenchFlags) => run((context) => bench(url, flags, context)));
}

function bench(url: string, flags: BenchFlags, context: CommandContext): Promise<number> {
  return withWire(url, flags, context, (wire) => merge(measure(wire, flags, context), context.stop$.pipe(map(signalCode))));
}

async function measure(wire: Wire, flags: BenchFlags, { print, progress, style }: CommandContext): Promise<number> {
  const { size, ahead } = flags;
  // The first message waits for the connection.
  await wire.send(benchMessage(size));
  progress('measuring the round trip …');
  const roundTrip = await roundTrips(wire, flags);
  progress('measuring the throughput …');
  const { count, perSecond } = await throughput(wire, flags);
  progress('');
  const { protocol: transport } = wire.state;
  const { p50, p95, p99 } = roundTrip;
  const text = (): string =>
    [
      `${style('bold', 'throughput')}  ${perSecond.toLocaleString('en')} acked messages/s`,
      `${style('bold', 'round trip')}  p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms`,
      style('gray', `over ${transport}: ${count.toLocaleString('en')} messages of ${size} bytes, ${ahead} on their way at most`),
    ].join('\n');
  await print({ transport, size, ahead, acked: count, perSecond, roundTrip }, text);
  return ExitCode.DONE;
}

async function roundTrips(wire: Wire, { seconds, size }: BenchFlags): Promise<Percentiles> {
  const times: number[] = [];
  for (const end = preciseNow() + seconds * 1_000; preciseNow() < end;) {
    const start = preciseNow();
    await wire.send(benchMessage(size));
    times.push(preciseNow() - start);
  }
  return percentiles(times);
}

async function throughput(
  wire: Wire,
  { seconds, size, ahead }: BenchFlags,
): Promise<{ readonly count: number; readonly perSecond: number }> {
  const start = preciseNow();
  function* messages(): Generator<Message, void> {
    while (preciseNow() < start + seconds * 1_000) yield benchMessage(size);
  }
  const count = await lastValueFrom(sendAll(wire, messages(), { ahead }).pipe(countAll()));
  return { count, perSecond: Math.round((count * 1_000) / (preciseNow() - start)) };
}

function benchMessage(size: number): Message {
  return createMessage('rxwire.bench', 'x'.repeat(size));
}
