import { map, type Observable } from 'rxjs';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import { differences } from './marbleDifference.js';
import type { MarbleEvent, MarbleLine, MarbleSpec, MarbleValues } from './marbleSpec.js';
import { durationOf, recorder } from './marbleStage.js';
import { testWire, type TestWire } from './testWire.js';

/** Opens a line of marbles with the values of its letters, which starts at once. */
export type OpenLine = (
  name: string,
  marbles: string,
  values: MarbleValues,
) => { readonly stream: Observable<unknown>; readonly line: () => MarbleLine };

/** The wire of a marble, and the lines of its network. */
export interface TestedConnection {
  readonly test: TestWire;
  /** The network, and what the server has sent. */
  readonly inputs: () => readonly MarbleLine[];
  /** What the server has received. */
  readonly received: MarbleEvent[];
}

/** The type of the messages that stand for a letter. */
const LETTER = 'value';

const FAULTS: Readonly<Record<string, (test: TestWire) => void>> = {
  o: ({ restore }) => restore(),
  x: ({ cut }) => cut(),
  b: ({ blackhole }) => blackhole(),
  c: ({ crashServer }) => crashServer(),
  d: ({ drop }) => drop(),
};

/** Returns whether the spec has a network, whether or not the pipeline uses its wire. */
export function hasConnection({ link, server, received, lag, wire }: MarbleSpec): boolean {
  return [link, server, received, lag, wire].some((field) => field !== undefined);
}

/** @throws {Error} If the marbles of the network contain a letter that means nothing. */
export function createTestedConnection(spec: MarbleSpec, open: OpenLine, now: () => number): TestedConnection {
  const { link = '', server = '', lag, wire: options, values = {} } = spec;
  const letters = link.replaceAll(/[^a-z]/g, '');
  const unknown = Array.from(letters).find((letter) => !FAULTS[letter]);
  if (unknown !== undefined) throw new Error(`"link" may contain o, x, b, c and d, got ${unknown}`);
  const test = testWire({ isCut: letters.startsWith('o'), ...(lag !== undefined && { lag: durationOf(lag, 'lag') }), ...options });

  const network = link === '' ? undefined : open('link', link, {});
  const sent = server === '' ? undefined : open('server', server, values);
  network?.stream.subscribe((letter) => FAULTS[letter as string]?.(test));
  sent?.stream.subscribe((value) => test.server.next(isMessage(value) ? value : createMessage<string, unknown>(LETTER, value)));
  const received: MarbleEvent[] = [];
  test.server.received$.pipe(map((message) => letterOf(message, values))).subscribe(recorder(received, now).next);
  return { test, received, inputs: () => [network, sent].flatMap((one) => (one ? [one.line()] : [])) };
}

/**
 * Returns what a received message is in marbles: the payload of a letter; the value of a letter
 * that it is a copy of; or itself.
 */
function letterOf(message: Message, values: MarbleValues): unknown {
  if (message.type === LETTER) return message.payload;
  return Object.values(values).find((value) => isMessage(value) && isCopy(message, value)) ?? message;
}

/** The wire has set the source of a message that had none. */
function isCopy(message: Message, original: Message): boolean {
  return message.id === original.id && differences(message, { ...original, source: original.source || message.source }).length === 0;
}

function isMessage(value: unknown): value is Message {
  const { id, type } = Object(value) as Partial<Message>;
  return typeof id === 'string' && typeof type === 'string';
}
