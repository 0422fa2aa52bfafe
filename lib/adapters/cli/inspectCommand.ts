import type { Command } from 'commander';
import { merge, type Observable } from 'rxjs';
import { channel } from '../../operators/channels/channel.js';
import type { Message } from '../../message/types.js';
import type { InspectedFrame } from '../../wire/session/inspected.js';
import type { Wire } from '../../wire/wire.js';
import { escapeControls } from '../../message/escapeControls.js';
import { untilStopped, type CommandContext, type RunCommand, checked } from './commandContext.js';
import { reasonOf, addClient, withWire, type ConnectionFlags } from './connectionOptions.js';
import { jsonLine, timeOfDay } from './printable.js';

export function addInspect(program: Command, run: RunCommand): void {
  addClient(program, 'inspect', 'print each frame of a connection, decoded, in both directions')
    .argument('[channel]', 'a channel to join')
    .action((url: string, name: string | undefined, flags: ConnectionFlags) => run((context) => inspect(url, name, flags, context)));
}

async function inspect(url: string, name: string | undefined, flags: ConnectionFlags, context: CommandContext): Promise<number> {
  // A server holds messages back while the wire has no subscriber.
  const receive = (wire: Wire): Observable<Message> =>
    name === undefined
      ? wire
      : merge(
          wire,
          checked(() => channel(wire, name)),
        );
  return withWire(url, flags, context, (wire) => untilStopped(receive(wire), context), framePrinter(context));
}

const MAX_WAITING = 10_000;

/** Returns a function that prints a frame. Those that stdout is too slow for are counted. */
function framePrinter({ print, style, note }: CommandContext): (frame: InspectedFrame) => void {
  let waiting = 0;
  let skipped = 0;
  return (frame) => {
    if (waiting >= MAX_WAITING) {
      skipped++;
      return;
    }
    if (skipped > 0) note(`${skipped} frames were not printed: stdout is too slow`);
    skipped = 0;
    waiting++;
    // The frame itself may contain a token.
    const value = { ...frame, frame: undefined, error: frame.error === undefined ? undefined : reasonOf(frame.error) };
    void print(value, () => frameText(frame, style)).then(() => waiting--);
  };
}

const MAX_CONTENT = 160;

/** Returns a frame as a line for a person. */
function frameText(frame: InspectedFrame, style: CommandContext['style']): string {
  const { at, direction, kind, first = 0, count = 1, size, isResent, ack } = frame;
  const isSent = direction === 'sent';
  const numbers = first === 0 ? '' : count > 1 ? ` ${first}–${first + count - 1}` : ` ${first}`;
  const parts = [
    style('gray', timeOfDay(at)),
    style(isSent ? 'green' : 'magenta', `${isSent ? '→' : '←'} ${kind}${numbers}`),
    style('gray', `${size} B`),
    isResent ? style('yellow', 'sent again') : '',
    ack ? style('cyan', `ack ${ack.done}, credit ${ack.credit}`) : '',
    contentOf(frame),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function contentOf({ kind, messages, fields, error }: InspectedFrame): string {
  if (error !== undefined) return escapeControls(reasonOf(error));
  if (messages) return shortened(messages.map(({ type, payload }) => `${escapeControls(type)} ${jsonLine(payload)}`).join(', '));
  return kind === 'ack' || fields === undefined ? '' : shortened(jsonLine(fields));
}

function shortened(text: string): string {
  return text.length > MAX_CONTENT ? `${text.slice(0, MAX_CONTENT)}…` : text;
}
