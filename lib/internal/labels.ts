/** What counts for names that get no label of their own. */
export const OTHER = 'other';

/** A name that is longer than this is nobody's: types have 128 characters at most. */
const MAX_LENGTH = 128;

/**
 * Bounds the names that something is counted by: the first `max` have a label each, all others share {@link OTHER}. What is kept by label is
 * then bounded too, whatever a peer makes up.
 */
export function createLabels<L>(max: number, make: (name: string) => L): (name: string) => L {
  const labels = new Map<string, L>();
  let other: L | undefined;
  let lastName: string | undefined;
  let last: L;

  const find = (name: string): L => {
    const known = labels.get(name);
    if (known !== undefined) return known;
    if (labels.size >= max || name.length > MAX_LENGTH) return (other ??= make(OTHER));
    const label = make(name);
    labels.set(name, label);
    return label;
  };
  return (name) => {
    // Often the same as before: to compare it costs less than to hash a name that was just decoded.
    if (name !== lastName) {
      last = find(name);
      // A long one must not be kept for that.
      lastName = name.length > MAX_LENGTH ? undefined : name;
    }
    return last;
  };
}
