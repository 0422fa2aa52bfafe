import type { Command } from 'commander';
import { concatMap } from 'rxjs';
import { request } from '../../operators/requests/request.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { escapeControls } from '../../message/escapeControls.js';
import { untilStopped, type CommandContext, type RunCommand, UsageError } from './commandContext.js';
import { positiveNumberOption, addClient, withWire, type ConnectionFlags } from './connectionOptions.js';
import { jsonLine } from './printable.js';

interface RequestFlags extends ConnectionFlags {
  readonly timeout: number;
  readonly text?: true;
}

export function addRequest(program: Command, run: RunCommand): void {
  addClient(program, 'request', 'send a request, and print the payload of each reply')
    .argument('<type>', 'the type of the request')
    .argument('[payload]', 'the payload, as JSON (default: null)')
    .option('--text', 'the payload is a text, not JSON')
    .option('--timeout <ms>', 'the longest silence before a reply', positiveNumberOption, 30_000)
    .action((url: string, type: string, payload: string | undefined, flags: RequestFlags) =>
      run((context) => sendRequest(url, createMessage(type, payloadOf(payload, flags.text)), flags, context)),
    );
}

function payloadOf(text: string | undefined, isText = false): unknown {
  if (isText || text === undefined) return text ?? null;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`the payload must be JSON, got ${text}; --text sends a text`);
  }
}

function sendRequest(url: string, message: Message, { timeout, ...flags }: RequestFlags, context: CommandContext): Promise<number> {
  const { print, progress } = context;
  const onProgress = (value: unknown): void => progress(jsonLine(value));
  return withWire(url, flags, context, (wire) => {
    const printed$ = request(wire, message, { timeout, onProgress }).pipe(
      concatMap((value) => print(value, () => (typeof value === 'string' ? escapeControls(value) : jsonLine(value)))),
    );
    return untilStopped(printed$, context);
  });
}
