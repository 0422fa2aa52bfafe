/**
 * The checks of the messages of `json()`, as Node and a bundle for development have them. A bundle
 * for production has `productionBatch.ts` in their place.
 */
export { assertEncodable as checkReceived, assertEncodable as checkSent } from './assertEncodable.js';

/** Whether a codec checks all that it receives. */
export const checksAll: boolean = true;
