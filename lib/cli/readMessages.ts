import type { Readable } from 'node:stream';
import { InvalidMessageError } from '../errors.js';
import { createMessage } from '../message/createMessage.js';
import { parseMessage } from '../message/parseMessage.js';
import type { Message } from '../message/types.js';
import { UsageError } from './exitCode.js';

export interface LineFormat {
  /** The type of the messages whose payloads are the lines. Undefined: each line is a message. */
  readonly type: string | undefined;
  /** Whether a line is a text, not JSON. */
  readonly text: boolean;
}

/**
 * The maximum length of a line, in characters. A frame has 1 MiB, and its limit is an option of the
 * server.
 */
const MAX_LINE = 16_777_216;

/**
 * Reads one message from each line of a stream. Ends when the stream is destroyed.
 *
 * @throws {UsageError} At a line that is no message.
 */
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

/** Emits the lines, without their ends. */
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

/** @throws {UsageError} */
function messageOf(line: string, number: number, { type, text }: LineFormat): Message | undefined {
  if (text) return createMessage(type ?? 'text', line);
  if (line.trim() === '') return undefined;
  const value = parseLine(line, number);
  return type === undefined ? readMessage(value, number) : createMessage(type, value);
}

/** @throws {UsageError} */
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
