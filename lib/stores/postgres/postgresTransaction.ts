import { runEffect } from '../store.js';

/** The transaction that also stores the cursor. It ends when the effect returns. */
export interface PostgresTransaction {
  /**
   * Adds a statement to the transaction. The statements of an effect run in order after it has
   * returned. The error of a statement rolls back the message, and is the error of its effect.
   *
   * @param text One SQL command, with `$1`, `$2`, … for values.
   * @throws {TypeError} If the command would begin or end a transaction.
   * @throws {Error} If the effect has returned.
   */
  query(text: string, values?: readonly unknown[]): void;
}

export interface EffectStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Blanks and comments, then the first word of a command that begins or ends a transaction. */
const TRANSACTION_CONTROL =
  /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:abort|begin|commit|end|prepare\s+transaction|release|rollback|savepoint|start)\b/i;

/** Runs an effect, and returns its statements in order. @throws The exception of the effect. */
export function statementsOf(effect: (transaction: PostgresTransaction) => unknown): readonly EffectStatement[] {
  const statements: EffectStatement[] = [];
  let isOpen = true;
  const query = (text: string, values: readonly unknown[] = []): void => {
    if (!isOpen) throw new Error('the transaction has ended: an effect must be synchronous');
    if (TRANSACTION_CONTROL.test(text)) throw new TypeError(`an effect must not begin or end a transaction, got ${JSON.stringify(text)}`);
    statements.push({ text, values: [...values] });
  };
  try {
    runEffect(effect, { query });
  } finally {
    isOpen = false;
  }
  return statements;
}
