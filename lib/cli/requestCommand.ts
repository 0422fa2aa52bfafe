import type { Command } from 'commander';
import { concat, concatMap, ignoreElements, map, merge, of } from 'rxjs';
import { request } from '../app/requests/request.js';
import { createMessage } from '../message/createMessage.js';
import type { CommandContext, RunCommand } from './commandContext.js';
import { positiveNumber, withConnection, withWire, type ConnectionFlags } from './connectionOptions.js';
import { ExitCode, signalCode, UsageError } from './exitCode.js';
import { jsonLine, printable } from './printable.js';

interface RequestFlags extends ConnectionFlags {
  readonly timeout: number;
  readonly text?: true;
}

export function addRequest(program: Command, run: RunCommand): void {
  withConnection(program.command('request'))
    .description('send a request, and print the payload of each reply')
    .argument('<url>', 'the address of the server')
    .argument('<type>', 'the type of the request')
    .argument('[payload]', 'the payload, as JSON (default: null)')
    .option('--text', 'the payload is a text, not JSON')
    .option('--timeout <ms>', 'the longest silence before a reply', positiveNumber, 30_000)
    .action((url: string, type: string, payload: string | undefined, flags: RequestFlags) =>
      run((context) => sendRequest(url, { type, text: payload }, flags, context)),
    );
}

/** @throws {UsageError} */
function payloadOf(text: string | undefined, isText = false): unknown {
  if (isText || text === undefined) return text ?? null;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`the payload must be JSON, got ${text}; --text sends a text`);
  }
}

interface Asked {
  readonly type: string;
  readonly text: string | undefined;
}

async function sendRequest(url: string, { type, text }: Asked, flags: RequestFlags, context: CommandContext): Promise<number> {
  const payload = payloadOf(text, flags.text);
  const { print, progress, stop$, closed$ } = context;
  const onProgress = (value: unknown): void => progress(jsonLine(value));
  try {
    return await withWire(url, flags, context, (wire) => {
      const printed$ = request(wire, createMessage(type, payload), { timeout: flags.timeout, onProgress }).pipe(
        concatMap((value) => print(value, () => (typeof value === 'string' ? printable(value) : jsonLine(value)))),
        ignoreElements(),
      );
      return merge(concat(printed$, of(ExitCode.DONE)), stop$.pipe(map(signalCode)), closed$.pipe(map(() => ExitCode.DONE)));
    });
  } finally {
    progress('');
  }
}
