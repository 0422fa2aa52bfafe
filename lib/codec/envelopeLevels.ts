/**
 * The levels of a payload around the payloads, or states, that it carries for others. They do not
 * count: what has arrived in one envelope can be sent in another one.
 */
const LEVELS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['channel.publish', 2],
  ['channel.message', 2],
  ['channel.past', 4],
  ['channel.update', 1],
  ['channel.presence', 3],
  ['batch', 3],
]);

/** The highest of these numbers. */
export const MAX_ENVELOPE_LEVELS = 4;

/** Returns how many levels of the payload of a message of this type do not count. */
export const envelopeLevels = (type: string): number => LEVELS.get(type) ?? 0;
