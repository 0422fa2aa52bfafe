import { readHead, type StoredHead } from '../session/store/storedHead.js';

/** The stored head of an outbox. */
export interface LmdbOutboxHead extends StoredHead {
  /** The time of last use. */
  readonly at: number;
}

/** Returns the head of an outbox that a stored value is; `undefined` if it is none. */
export function readOutboxHead(value: unknown): LmdbOutboxHead | undefined {
  const head = readHead(value);
  const { at } = Object(value) as Partial<Record<keyof LmdbOutboxHead, unknown>>;
  return head && typeof at === 'number' ? { ...head, at } : undefined;
}
