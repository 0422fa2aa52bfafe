import { explainCloseCode, type InspectedConnection } from 'rxwire';
import { wordsFor } from './errorWords.js';
import type { LoggedFrame } from './frameLog.js';
import { transportNames, type Transport } from './transports.js';

/** The text of an opened row has so many characters at most. */
const MAX_DETAILS = 20_000;

/** Says what a frame is about, in one line. */
export function summaryOf({ kind, titles, count = 0, fields = {}, ack, error }: LoggedFrame): string {
  if (kind === 'unreadable' || error !== undefined) return 'could not be read';
  if (kind === 'msg') return `${titles.join(', ')}${count > 1 ? ` × ${count}` : ''}`;
  if (kind === 'ack') return `all up to ${ack?.done} processed`;
  if (kind === 'hello') return fields['sid'] === undefined ? 'a new session, please' : 'the same session, please';
  if (kind === 'welcome') return fields['resumed'] === true ? 'the session goes on' : 'a new session';
  if (kind === 'ping') return 'are you there?';
  return '';
}

/** The numbers of the messages of a batch. */
export function numbersOf({ first = 0, count = 0 }: LoggedFrame): string {
  if (first === 0) return '';
  return count > 1 ? `${first}–${first + count - 1}` : String(first);
}

/** The decoded frame, as text. */
export function detailsOf(frame: LoggedFrame): string {
  const { kind, messages, fields, error, size } = frame;
  if (error !== undefined) return wordsFor(error);
  if (kind === 'msg' && !messages) return `${frame.titles.join(', ')}\n${size.toLocaleString('en')} bytes: too many to be kept here`;
  const text = JSON.stringify(messages ?? { ...fields, ...frame.ack }, readable, 2);
  return text.length > MAX_DETAILS ? `${text.slice(0, MAX_DETAILS)} …` : text;
}

/** Says what has become of a connection. */
export function connectionWords({ connection, status, protocol, error }: InspectedConnection): string {
  const name = `Connection ${connection}`;
  if (status === 'open') return `${name} is open: ${transportNames[protocol as Transport]}`;
  if (status === 'closed') return `${name} is closed`;
  const { closeCode } = Object(error) as { readonly closeCode?: unknown };
  return `${name} is lost${typeof closeCode === 'number' ? ` (${closeCode}): ${explainCloseCode(closeCode)}` : ''}`;
}

function readable(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `${value.length.toLocaleString('en')} bytes` : value;
}
