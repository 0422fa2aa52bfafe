/**
 * Returns a key that is not undefined. In JavaScript, each value without an id would have the same
 * key as all others, and so would each value if the name of its field is misspelt.
 *
 * @throws {TypeError} If the key is undefined.
 */
export function assertKey<K>(owner: string, key: K, name = 'key'): K {
  if (key === undefined) throw new TypeError(`${owner}: the ${name} of a value is undefined; pass "${name}"`);
  return key;
}
