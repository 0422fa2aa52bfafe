/** How urgent a message is. Among messages that still wait, the higher goes first; equals keep their order. */
export const MessagePriority = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 } as const;

/** One of the four priorities, as the number that travels. */
export type MessagePriority = (typeof MessagePriority)[keyof typeof MessagePriority];
