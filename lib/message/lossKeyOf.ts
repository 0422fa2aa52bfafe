/** The maximum number of causes that are told apart: all others count as one. */
const MAX_CAUSES = 10;

/**
 * Returns the key of the cause for which a message was lost. Messages of one type that were lost
 * for one reason have one cause. The key of those that the end of the wire has dropped is ''.
 *
 * @param causes The causes of the wire so far, by key.
 */
export function lossKeyOf(lossError: unknown, causes: ReadonlyMap<string, { readonly error: unknown }>): string {
  const { code, type, reason } = Object(lossError) as Readonly<Record<string, unknown>>;
  if ((code === 'ERR_DROPPED' && reason === 'closed') || causes.get('')?.error === lossError) return '';
  // The place in its batch makes no difference.
  const key = String([code, type, reason]).replace(/\d+/g, '');
  return causes.has(key) || causes.size < MAX_CAUSES ? key : 'others';
}
