/** Returns the kind of an object by name: `instanceof` fails for objects of another realm. */
export function kindOf(value: object): string {
  const constructor: unknown = value.constructor;
  return typeof constructor === 'function' ? constructor.name : 'Object';
}

/** Returns the name that the language gives to an object: `Map`, `Error`, `Object`. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
