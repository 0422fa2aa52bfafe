import type { OutboxHead, OutboxWrite } from '../../lib/stores/outboxStore.js';

/** What a write of the session is for: it changes one thing. */
export type OutboxChange = 'append' | 'trim' | 'replace' | 'mark' | 'remember';

export function changeOf(before: OutboxHead | undefined, { head, batches, replaces }: OutboxWrite): OutboxChange {
  if (replaces) return 'replace';
  if (batches.length > 0) return 'append';
  if (head.ticket !== before?.ticket) return 'remember';
  return head.acked === before?.acked ? 'mark' : 'trim';
}
