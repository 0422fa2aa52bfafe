import type { Observable } from 'rxjs';
import { keyring, type Keyring } from '../../lib/index.js';

export const made: Keyring = keyring({ current: 'k1', keys: { k1: new Uint8Array(32) } });
export const derived: Observable<Keyring> = keyring.fromSecret('a secret text of 34 random letters', {
  name: 'k1',
  salt: new Uint8Array(16),
});

// @ts-expect-error deriving takes its time
export const atOnce: Keyring = keyring.fromSecret('a secret text of 34 random letters');
// @ts-expect-error a secret is a text
keyring.fromSecret(new Uint8Array(32));
// @ts-expect-error it is derived by its text
keyring.fromSecret('a secret text of 34 random letters', { keys: {} });
