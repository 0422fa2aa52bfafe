/**
 * The help for developers of an application, as Node has it. A bundle for production has
 * `production.ts` in its place, and one for development `strictDevelopment.ts`.
 */
export { developerSentence } from './errors/errorSentences.js';
export * from './options/assert.js';
export * from './options/checkArguments.js';
export { checkOptions, checkWire } from './options/checkOptions.js';
export { noteSelected, noteUnselected } from './noteUnselected.js';
export { ignoreExit, noteUnsubscribed, watchExit } from './exitHook.js';
export { lossKeyOf } from './lossKeyOf.js';
export * from './warnings.js';
