/**
 * What only helps while an application is developed: the package has this module under the
 * condition `development`, and in Node. A bundle for production has `production.ts` in its place.
 */
export { sentenceOf } from './errors/sentences.js';
export { checkOptions } from './options/checkOptions.js';
