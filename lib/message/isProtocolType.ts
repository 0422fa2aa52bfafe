const PROTOCOL_TYPE = /^(system\.|reply(\.|$)|request\.cancel$|channel\.)/;

/**
 * Returns whether messages of a type belong to a protocol of rxwire, as requests and channels: they
 * may arrive when the program has no subscriber for them.
 */
export function isProtocolType(type: string): boolean {
  return PROTOCOL_TYPE.test(type);
}
