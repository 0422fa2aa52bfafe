/** Waiting messages of higher priority are sent first; those of equal priority keep their order. */
export const MessagePriority = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 } as const;

/** One of the four priorities, as the number that is transmitted. */
export type MessagePriority = (typeof MessagePriority)[keyof typeof MessagePriority];
