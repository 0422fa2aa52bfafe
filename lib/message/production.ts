import type * as Development from './development.js';
import type { ErrorCode } from './errors/errorCode.js';

/** Takes the place of `development.ts` in a bundle for production. */
type Production = typeof Development;

export const checkOptions: Production['checkOptions'] = () => {};

/** Returns the code, and the reason if there is one: the sentences take a kilobyte. */
export const sentenceOf: Production['sentenceOf'] = (code: ErrorCode, facts: object) => {
  const { reason } = facts as { readonly reason?: string };
  return reason ? `${code}: ${reason}` : code;
};
