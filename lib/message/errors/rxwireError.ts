import { developerSentence } from '../development.js';
import type { ErrorCode } from './errorCode.js';

/** The text between the sentence of an error and the anchor of its code. */
const POINTER = ' (see rxwire/docs/errors.md#';

/**
 * The base class of all errors of rxwire. Branch on `code`, never on the text, which describes only
 * this failure. `message` ends with the address of the heading that explains the code and says what
 * to do: `(see rxwire/docs/errors.md#err_decode)`, in `node_modules`. Log `String(error)` and
 * `cause`, not `message` alone.
 *
 * @example
 * import { connect, json, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), codec: json() });
 * wire.errors$.subscribe((error) => {
 *   if (error.code === 'ERR_DECODE') console.warn(String(error), error.cause);
 * });
 */
export class RxwireError extends Error {
  /** A stable code. It is a heading of docs/errors.md, which is in the package. */
  declare readonly code: ErrorCode;

  /**
   * @param details The facts of this failure, which become fields of the error.
   */
  constructor(code: ErrorCode, details?: Readonly<Record<string, unknown>>, cause?: unknown) {
    super(messageOf(code, { ...details, cause }), { cause });
    Object.assign(this, details, { code, name: `RxwireError [${code}]` });
  }

  /**
   * The sentence of `message`, without the address of the heading: for developers. `sentenceOf`
   * returns a sentence for the users of an application.
   */
  get text(): string {
    return this.message.split(POINTER)[0] as string;
  }
}

/** Returns the `message` of an error with these fields. */
export function messageOf(code: ErrorCode, facts: object): string {
  return `${developerSentence(code, facts)}${POINTER}${code.toLowerCase()})`;
}

/** Returns the sentence of an error, without the address of a heading. */
export function textOf(error: Error): string {
  return error instanceof RxwireError ? error.text : error.message;
}

/** Returns the part of a message that names the heading; empty for an error of other code. */
export function pointerOf(error: Error): string {
  return error.message.slice(textOf(error).length);
}

/** Returns the message of an error with the text of its cause, and the address of a heading. */
export function messageWith(error: Error, cause: Error): string {
  return `${textOf(error)}: ${textOf(cause)}${pointerOf(cause) || pointerOf(error)}`;
}
