/**
 * What a request of each `type` is answered with, and how its progress is told. Open, as `MessageTypes` is, where the payload of the request is
 * declared.
 *
 * @example
 * declare module 'rxwire' {
 *   interface MessageTypes {
 *     'files.list': { readonly folder: string };
 *   }
 *   interface RequestTypes {
 *     'files.list': { readonly reply: string; readonly progress: number };
 *   }
 * }
 * request(wire, createMessage('files.list', { folder: '/' })).subscribe((name) => draw(name.toUpperCase()));
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- applications fill it
export interface RequestTypes {}

/** One value of the answer to a request of a type: declared, or `unknown`. */
export type ReplyOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly reply: infer Value }
    ? Value
    : unknown
  : unknown;

/** A report of progress of a request of a type: declared, or `unknown`. */
export type ProgressOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly progress: infer Value }
    ? Value
    : unknown
  : unknown;
