import { outboxCases, type OutboxCase, type OutboxPlace } from './outboxCases.js';

/**
 * Registers the tests that every outbox passes.
 *
 * @param makePlace Gives a fresh place for each.
 * @param cases Those that an outbox of this kind can pass: `commonCases` alone where nothing outlives the process.
 */
export function outboxContract(
  makePlace: () => OutboxPlace | Promise<OutboxPlace>,
  cases: Readonly<Record<string, OutboxCase>> = outboxCases,
): void {
  describe('keeps the outbox contract', () => {
    it.each(Object.entries(cases))('%s', async (_, check) => check(await makePlace()));
  });
}
