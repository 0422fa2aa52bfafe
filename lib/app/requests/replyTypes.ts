/** The message types of replies. */
export type ReplyType = 'reply' | 'reply.last' | 'reply.complete' | 'reply.error' | 'reply.progress';

const TYPES: readonly string[] = [
  ...(['reply', 'reply.last', 'reply.complete', 'reply.error', 'reply.progress'] satisfies ReplyType[]),
  'request.cancel',
];

/** Returns whether messages of this type are meant for `request` or `reply` only. */
export function isReplyOrCancel(type: string): boolean {
  return TYPES.includes(type);
}
