/** Names a value that has the wrong type, for the text of an error. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const { name = '' } = Object(value.constructor) as { name?: string };
  return name === '' ? 'an object' : name;
}
