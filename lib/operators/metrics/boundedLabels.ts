/** The label of names that have no label of their own. */
const OTHER = 'other';

/** Longer names count as `other`: a type may have 256 characters. */
const MAX_LENGTH = 128;

/**
 * Bounds the number of labels: the first `max` names have a label each, all others share {@link
 * OTHER}. Data that is kept by label is then bounded, whatever names a peer sends.
 */
export function createBoundedLabels<L>(max: number, make: (name: string) => L): (name: string) => L {
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
    // Consecutive names are often equal: comparing is cheaper than hashing a decoded name.
    if (name !== lastName) {
      last = find(name);
      // Long names must not be retained.
      lastName = name.length > MAX_LENGTH ? undefined : name;
    }
    return last;
  };
}
