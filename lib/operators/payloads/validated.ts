import type { OperatorFunction } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { InvalidPayloadError } from '../../message/errors.js';
import { attempt } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { use, type UseOptions } from '../routing/use.js';

/** The interface of validators (https://standardschema.dev, version 1), as of zod and valibot. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** The validated value, or the issues. */
export type SchemaResult<Out> = { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One issue of a value. */
export interface SchemaIssue {
  readonly message: string;
  /** The path from the payload to the invalid value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of a validated payload. */
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer Out> ? Out : never;

/** The schemas of the payloads, by message type. */
export type PayloadSchemas = Readonly<Record<string, StandardSchema>>;

/** A valid message. `type` discriminates the payload. */
export type ValidatedMessage<S extends PayloadSchemas> = { [T in keyof S & string]: Message<T, SchemaOutput<S[T]>> }[keyof S & string];

export interface ValidatedOptions extends UseOptions {
  /** Whether messages without a schema are refused or passed on. @default 'refuse' */
  readonly others?: 'refuse' | 'pass';
  /**
   * Whether the output of the schema replaces the payload. Set it to false where you send.
   * @default true
   */
  readonly transform?: boolean;
}

/**
 * Passes on messages whose payload matches a schema of zod, valibot, arktype, or any other library
 * that implements Standard Schema. It works in both directions: `wire.pipe(validated(schemas))`,
 * and `outgoing$.pipe(validated(schemas, { transform: false })).subscribe(wire)`.
 *
 *     source                              -a-b-a-|
 *     validated({ a: …, b: says no })     -a---a-|
 *
 * An invalid message is dropped. As with `use`, it is reported to `onError` and in `errors$` of its
 * wire, and becomes a dead letter of its wire. The stream continues. Where no wire delivers the
 * message, as in the second direction, it ends the stream unless there is an `onError`. An
 * asynchronous schema delays the messages behind it: order is kept.
 *
 * @param schemas By message type; patterns are not supported.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {InvalidPayloadError} Delivered, if neither a wire nor an `onError` receives it.
 * @throws The error of `onError`, delivered.
 * @example
 * import { of } from 'rxjs';
 * import { z } from 'zod';
 * import { createMessage, validated } from 'rxwire';
 *
 * const schemas = { 'chat.said': z.object({ room: z.string(), text: z.string().max(280) }) };
 * of(
 *   createMessage('chat.said', { room: 42 }),
 *   createMessage('chat.said', { room: 'lobby', text: 'hello' }),
 * )
 *   .pipe(validated(schemas, { onError: (error) => console.log(error.code) })) // prints: ERR_INVALID_PAYLOAD
 *   .subscribe(({ payload }) => console.log(payload.text)); // prints: hello
 */
export function validated<const S extends PayloadSchemas>(
  schemas: S,
  options?: ValidatedOptions & { readonly others?: 'refuse' },
): OperatorFunction<Message, ValidatedMessage<S>>;
export function validated<const S extends PayloadSchemas>(
  schemas: S,
  options: ValidatedOptions,
): OperatorFunction<Message, ValidatedMessage<S> | Message>;
export function validated(schemas: PayloadSchemas, options: ValidatedOptions = {}): OperatorFunction<Message, Message> {
  checkOptions('validated', options);
  const { others = 'refuse', transform = true, ...rest } = options;
  const known = new Map(Object.entries(schemas));

  return use((message) => {
    const schema = known.get(message.type);
    if (!schema) return others === 'pass' ? undefined : refuse(message, [{ message: 'no schema for this type' }]);
    const conclude = (result: SchemaResult<unknown>): Message | undefined => {
      if (result.issues) return refuse(message, result.issues);
      return transform && result.value !== message.payload ? { ...message, payload: result.value } : undefined;
    };
    return attempt(
      () => schema['~standard'].validate(message.payload),
      conclude,
      (cause) => {
        if (cause instanceof InvalidPayloadError) throw cause;
        return refuse(message, [{ message: 'its schema has failed' }], cause);
      },
    );
  }, rest);
}

function refuse({ id, type }: Message, issues: readonly SchemaIssue[], cause?: unknown): never {
  const [first] = issues;
  const path = (first?.path ?? []).map((step) => `.${String(typeof step === 'object' ? step.key : step)}`).join('');
  throw new InvalidPayloadError(id, type, `payload${path}: ${first?.message ?? '?'}`, issues, cause);
}
