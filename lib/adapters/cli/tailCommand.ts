import type { Command } from 'commander';
import { concatMap, filter, map, take, takeUntil, tap, type Observable } from 'rxjs';
import { channel } from '../../operators/channels/channel.js';
import { isChannelMessage } from '../../channels/channelPayloads.js';
import type { ChannelStart } from '../../channels/channelPosition.js';
import { parsePosition } from '../../channels/channelPosition.js';
import type { Message } from '../../message/types.js';
import { consume } from '../../operators/consume/consume.js';
import type { Wire } from '../../wire/wire.js';
import { untilStopped, type CommandContext, type RunCommand, checked, UsageError } from './commandContext.js';
import { positiveNumberOption, addClient, withWire, type ConnectionFlags } from './connectionOptions.js';
import { messageText } from './printable.js';

interface TailFlags extends ConnectionFlags {
  readonly from?: string;
  readonly history?: number;
  readonly count?: number;
  readonly timeout: number;
}

export function addTail(program: Command, run: RunCommand): void {
  addClient(program, 'tail', 'print the messages of a channel, or all messages that the server sends')
    .argument('[channel]', 'the channel; without it, all messages of the wire')
    .option('--from <place>', 'start, live, a number for the latest n messages, or a position (default: live)')
    .option('--history <n>', 'print the latest n messages of the channel, and end', positiveNumberOption)
    .option('--count <n>', 'end after n messages', positiveNumberOption)
    .option('--timeout <ms>', 'how long the server may take to answer for a channel', positiveNumberOption, 10_000)
    .action((url: string, name: string | undefined, flags: TailFlags) => run((context) => tail(url, name, flags, context)));
}

async function tail(url: string, name: string | undefined, flags: TailFlags, context: CommandContext): Promise<number> {
  const { from, history, count = Infinity } = flags;
  if (name === undefined && (from !== undefined || history !== undefined))
    throw new UsageError('--from and --history need a channel: rxwire tail <url> <channel>');
  if (from !== undefined && history !== undefined) throw new UsageError('--from and --history cannot be combined');
  const place = startOf(from);

  return withWire(url, flags, context, (wire) => {
    const printed$ = name === undefined ? printAll(wire, context) : printChannel(wire, name, place, flags, context);
    return untilStopped(printed$.pipe(take(count)), context);
  });
}

function startOf(text = 'live'): ChannelStart {
  if (text === 'start' || text === 'live') return text;
  if (/^\d{1,9}$/.test(text)) return { last: Number(text) };
  if (parsePosition(text)) return text;
  throw new UsageError(`--from must be start, live, a number or a position, got ${text}`);
}

/** Prints all messages but those of rxwire itself, and acks each when it is written. */
function printAll(wire: Wire, { print, style }: CommandContext): Observable<unknown> {
  return wire.pipe(
    filter((message) => !isChannelMessage(message) && !message.type.startsWith('rxwire.')),
    consume((message) => print(message, () => messageText(message, style))),
  );
}

function printChannel(
  wire: Wire,
  name: string,
  place: ChannelStart,
  { history, timeout }: TailFlags,
  { print, style, note }: CommandContext,
): Observable<unknown> {
  const room = checked(() => channel(wire, name, { from: place, answerTimeout: timeout }));
  const printMessage = (message: Message, position: string | undefined): Promise<void> =>
    print({ ...message, position }, () => messageText(message, style));
  if (history !== undefined)
    return room.history({ limit: history }).pipe(concatMap(({ message, position }) => printMessage(message, position)));

  const positions = new WeakMap<Message, string | undefined>();
  room.gaps$.subscribe(({ after, next }) => note(`messages are lost: those behind the offset ${after.offset}, up to ${next.offset}`));
  // A server without a hub never answers.
  const unanswered$ = room.errors$.pipe(
    filter((error) => error.code === 'ERR_CHANNEL_TIMEOUT' && wire.state.status === 'connected'),
    map((error) => {
      throw error;
    }),
  );
  const printed$ = room.pipe(
    tap((message) => positions.set(message, room.position)),
    consume((message) => printMessage(message, positions.get(message))),
  );
  return printed$.pipe(takeUntil(unanswered$));
}
