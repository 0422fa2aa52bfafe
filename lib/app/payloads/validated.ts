import type { OperatorFunction } from 'rxjs';
import { InvalidPayloadError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from './standardSchema.js';
import { use } from '../routing/use.js';
import type { UseOptions } from '../routing/useOptions.js';

/** The schema of the payload, by the type of the message. */
export type PayloadSchemas = Readonly<Record<string, StandardSchema>>;

/** A message that has passed: `type` tells which payload it has. */
export type ValidatedMessage<S extends PayloadSchemas> = { [T in keyof S & string]: Message<T, SchemaOutput<S[T]>> }[keyof S & string];

export interface ValidatedOptions extends UseOptions {
  /** What becomes of messages whose type has no schema. @default 'refuse' */
  readonly others?: 'refuse' | 'pass';
  /** Whether the payload becomes what the schema makes of it: defaults, other forms. Where you send, leave that to the other side. @default true */
  readonly transform?: boolean;
}

/**
 * Lets messages through whose payload is what a schema says: of zod, valibot, arktype, or any other that keeps to Standard Schema. It works in both
 * directions: `wire.pipe(validated(schemas))`, and `outgoing$.pipe(validated(schemas, { transform: false })).subscribe(wire)`.
 *
 *     source                              -a-b-a-|
 *     validated({ a: …, b: says no })     -a---a-|
 *
 * A message that does not pass goes no further, as with `use`: it is told to `onError`, it comes in `errors$` of the wire that has handed it over, and it
 * is a dead letter of its session. The stream goes on. A schema that takes its time keeps those that come after it waiting: order is kept.
 *
 * @param schemas By the type of the message; there are no patterns.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws What `onError` throws, delivered.
 * @example
 * import { z } from 'zod';
 *
 * const schemas = { 'chat.said': z.object({ room: z.string(), text: z.string().max(280) }) };
 * of(createMessage('chat.said', { room: 'lobby', text: 'hello' }), createMessage('chat.said', { room: 42 }))
 *   .pipe(validated(schemas, { onError: ({ error }) => draw(error) }))
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
  const { others = 'refuse', transform = true } = options;
  const known = new Map(Object.entries(schemas));

  return use((message) => {
    const schema = known.get(message.type);
    if (!schema) return others === 'pass' ? undefined : refuse(message, [{ message: 'no schema for this type' }]);
    const conclude = (result: SchemaResult<unknown>): Message | undefined => {
      if (result.issues) return refuse(message, result.issues);
      return transform && result.value !== message.payload ? { ...message, payload: result.value } : undefined;
    };
    const fail = (cause: unknown): never => refuse(message, [{ message: 'its schema has failed' }], cause);
    const result = attempt(() => schema['~standard'].validate(message.payload), fail);
    return result instanceof Promise ? result.catch(fail).then(conclude) : conclude(result);
  }, options);
}

function attempt<T>(run: () => T, fail: (cause: unknown) => never): T {
  try {
    return run();
  } catch (cause) {
    return fail(cause);
  }
}

function refuse({ id, type }: Message, issues: readonly SchemaIssue[], cause?: unknown): never {
  const [first] = issues;
  const path = (first?.path ?? []).map((step) => `.${String(typeof step === 'object' ? step.key : step)}`).join('');
  throw new InvalidPayloadError(id, type, `payload${path}: ${first?.message ?? '?'}`, issues, cause);
}
