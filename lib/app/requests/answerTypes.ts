/** What is said to who has asked. */
export type ReplyType = 'reply' | 'reply.last' | 'reply.complete' | 'reply.error' | 'reply.progress';

const ANSWERS: readonly string[] = [
  ...(['reply', 'reply.last', 'reply.complete', 'reply.error', 'reply.progress'] satisfies ReplyType[]),
  'request.cancel',
];

/** Whether messages of this type are for `request` or `reply`, and for nobody else. */
export function isAnswer(type: string): boolean {
  return ANSWERS.includes(type);
}
