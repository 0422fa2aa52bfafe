import type { Command } from 'commander';
import { endWith, filter, ignoreElements, interval, merge, Subject, switchMap, takeUntil, tap, timer } from 'rxjs';
import { channel } from '../../operators/channels/channel.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import { sendAll } from '../../operators/sending/sendAll.js';
import type { SendingWire } from '../../operators/sending/sendOptions.js';
import { textOf } from '../../message/errors/rxwireError.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { type CommandContext, type RunCommand, checked, ExitCode, signalCode, UsageError } from './commandContext.js';
import { type ConnectionFlags, positiveNumberOption, addClient, withWire } from './connectionOptions.js';
import { preciseNow } from './printable.js';
import type { Readable } from 'node:stream';
import { InvalidMessageError, type RxwireError } from '../../message/errors.js';
import { createMessage } from '../../message/createMessage.js';
import { parseMessage } from '../../message/parseMessage.js';
import { escapeControls } from '../../message/escapeControls.js';

interface SendFlags extends ConnectionFlags {
  readonly type?: string;
  readonly channel?: string;
  readonly text?: true;
  readonly ahead: number;
}

export function addSend(program: Command, run: RunCommand): void {
  addClient(program, 'send', 'send the lines of stdin as messages, as fast as the server acks them')
    .option('--type <type>', 'each line is the payload of a message of this type (default: each line is a message)')
    .option('--channel <name>', 'publish to this channel')
    .option('--text', 'each line is a text, not JSON')
    .option('--ahead <n>', 'messages that may be on their way', positiveNumberOption, 1_000)
    .action((url: string, flags: SendFlags) => run((context) => send(url, flags, context)));
}

async function send(url: string, flags: SendFlags, context: CommandContext): Promise<number> {
  const { type, text = false, ahead, drain } = flags;
  if (text && type === undefined) throw new UsageError('--text needs --type: the type of the messages');
  const { stdin } = process;
  const tally = createTally(context);
  let count = 0;
  async function* messages(): AsyncGenerator<Message, void> {
    for await (const message of readMessages(stdin, { type, text })) {
      count++;
      yield message;
    }
  }
  let signal: NodeJS.Signals | undefined;
  // A signal ends the input. The messages that are on their way have some time left.
  context.stop$.subscribe((name) => {
    signal = name;
    stdin.destroy();
    const waiting = count - tally.count();
    if (waiting > 0) context.note(`waits for the acks of messages on their way: ${waiting}, for ${drain} ms at most; Ctrl-C ends it now`);
  });
  try {
    await withWire(url, flags, context, (wire) => {
      const receipts$ = sendAll(targetOf(wire, flags.channel), messages(), { ahead, emitFailed: true });
      const counted$ = receipts$.pipe(
        tap((receipt) => tally.add(receipt)),
        ignoreElements(),
        endWith(undefined),
      );
      return merge(counted$, context.stop$.pipe(switchMap(() => timer(drain))));
    });
  } finally {
    stdin.destroy();
    tally.end();
  }
  if (signal) return signalCode(signal);
  return tally.failed() > 0 ? ExitCode.FAILED : ExitCode.DONE;
}

/**
 * Returns what `sendAll` sends through: the wire, or a channel. Only an answer of the hub counts as
 * the ack of a channel.
 */
function targetOf(wire: Wire, name: string | undefined): SendingWire {
  if (name === undefined) return wire;
  const room = checked(() => channel(wire, name));
  const answers$ = new Subject<Receipt>();
  return {
    next(message) {
      const { id } = message;
      const onAnswer = (): void => answers$.next({ id, status: 'acked' });
      const onError = (error: RxwireError): void => {
        // The receipts of the wire report the other errors.
        if (error.code === 'ERR_CHANNEL_TIMEOUT' || error.code === 'ERR_CHANNEL_REFUSED') answers$.next({ id, status: 'dead', error });
      };
      void room.send(message).then(onAnswer, onError);
    },
    receipts$: merge(
      wire.receipts$.pipe(filter(({ status }) => status !== 'acked' && status !== 'sent')),
      answers$.pipe(takeUntil(completionOf(wire.receipts$))),
    ),
    isPending: (id) => wire.isPending(id),
    get state() {
      return wire.state;
    },
  };
}

/** How often the progress changes, in ms. */
const PROGRESS_INTERVAL = 200;

/** Counts the outcomes, shows the progress, and prints each message that was not delivered. */
function createTally({ print, progress, note }: CommandContext) {
  const start = preciseNow();
  let delivered = 0;
  let failed = 0;
  const text = (): string => {
    const seconds = (preciseNow() - start) / 1_000;
    const rate = Math.round(delivered / seconds).toLocaleString('en');
    return `${delivered.toLocaleString('en')} acked, ${failed.toLocaleString('en')} failed, ${seconds.toFixed(1)} s, ${rate}/s`;
  };
  const ticks = interval(PROGRESS_INTERVAL).subscribe(() => progress(text()));
  return {
    add({ id, status, error, outcome }: Receipt): void {
      const isDelivered = (status === 'acked' && outcome !== 'dead-lettered') || status === 'sent';
      if (isDelivered) delivered++;
      else {
        failed++;
        const reason = (error && textOf(error)) ?? outcome ?? status;
        void print({ id, status, ...(outcome && { outcome }), reason }, () => `${id}  ${status}  ${escapeControls(reason)}`);
      }
    },
    failed: () => failed,
    count: () => delivered + failed,
    end(): void {
      ticks.unsubscribe();
      if (process.stderr.isTTY || failed > 0) note(text());
    },
  };
}

export interface LineFormat {
  /** The type of the messages whose payloads are the lines. Undefined: each line is a message. */
  readonly type: string | undefined;
  readonly text: boolean;
}

/** The maximum length of a line, in characters: frames have limits of their own. */
const MAX_LINE = 16_777_216;

/** Reads a message from each line, until the stream ends. @throws {UsageError} At a bad line. */
export async function* readMessages(stream: Readable, format: LineFormat): AsyncGenerator<Message, void> {
  let number = 0;
  try {
    for await (const line of linesOf(stream)) {
      const message = messageOf(line, ++number, format);
      if (message) yield message;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

async function* linesOf(stream: Readable): AsyncGenerator<string, void> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new UsageError(`a line of stdin is longer than ${MAX_LINE} characters`);
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest;
}

function messageOf(line: string, number: number, { type, text }: LineFormat): Message | undefined {
  if (text) return createMessage(type ?? 'text', line);
  if (line.trim() === '') return undefined;
  const value = parseLine(line, number);
  return type === undefined ? readMessage(value, number) : createMessage(type, value);
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new UsageError(`line ${number} of stdin is not JSON; --text sends lines of text`);
  }
}

/** Fills in the id and the time of a message. @throws {UsageError} */
function readMessage(value: unknown, number: number): Message {
  const draft = Object(value) as Partial<Message>;
  try {
    const { delivery } = draft;
    const { id, timestamp } = createMessage('', null);
    return { ...parseMessage({ id, timestamp, ...draft }), ...(delivery !== undefined && { delivery }) };
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    throw new UsageError(`line ${number} of stdin is not a message: ${error.message}; --type sends each line as a payload`, {
      cause: error,
    });
  }
}
