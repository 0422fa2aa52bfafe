/**
 * The types of replies and progress, by the `type` of the request. Declare them as in
 * `MessageTypes`, next to the payload of the request.
 *
 * @example
 * import { connect, createMessage, request, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * declare module 'rxwire' {
 *   interface MessageTypes {
 *     'files.list': { readonly folder: string };
 *   }
 *   interface RequestTypes {
 *     'files.list': { readonly reply: string; readonly progress: number };
 *   }
 * }
 * request(wire, createMessage('files.list', { folder: '/' })).subscribe((name) =>
 *   console.log(name.toUpperCase()),
 * );
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- applications fill it
export interface RequestTypes {}

/** The type of a reply to a request: declared, or `unknown`. */
export type ReplyOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly reply: infer Value }
    ? Value
    : unknown
  : unknown;

/** The type of a request's progress: declared, or `unknown`. */
export type ProgressOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly progress: infer Value }
    ? Value
    : unknown
  : unknown;
