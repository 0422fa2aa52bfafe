import type * as Development from './development.js';

/** Takes the place of `development.ts` in a bundle for production. */
type Production = typeof Development;

/** Returns the code, and the reason if there is one: all sentences take two kilobytes. */
export const developerSentence: Production['developerSentence'] = (code, facts) => {
  const { reason } = facts as { readonly reason?: string };
  return reason ? `${code}: ${reason}` : code;
};

/** All messages count as lost for one cause. */
export const lossKeyOf: Production['lossKeyOf'] = () => '';

export const watchSubscribed: Production['watchSubscribed'] = (_, stream) => stream;

// A bundler removes the calls of an empty function.
export function assertAbsent(): void {}
export function assertDepth(): void {}
export function assertNotNegative(): void {}
export function assertPositive(): void {}
export function assertRule(): void {}
export function assertWhole(): void {}
export function checkAddress(): void {}
export function checkCodecs(): void {}
export function checkConnect(): void {}
export function checkDeadLetters(): void {}
export function checkOptions(): void {}
export function checkWire(): void {}
export function watchHeld(): void {}
export function watchReply(): void {}
export function noteSent(): void {}
export function watchExit(): void {}
export function ignoreExit(): void {}
export function noteUnsubscribed(): void {}
export function servingWire(): void {}
export function noteHub(): void {}
export function noteAfterEnd(): void {}
export function noteConnection(): void {}
export function noteDate(): void {}
export function noteNotShared(): void {}
export function noteSelected(): void {}
export function noteUnselected(): void {}
