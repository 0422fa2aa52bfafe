/**
 * The transports of a wire. A link that is none of the others is `custom`.
 *
 * @example
 * wire.state$.subscribe(({ protocol }) => draw(protocol === TransportProtocol.WEBSOCKET ? 'fast' : 'fallback'));
 */
export const TransportProtocol = { WEBSOCKET: 'websocket', SSE: 'sse', LONG_POLLING: 'long-polling', CUSTOM: 'custom' } as const;

/** One of the transports, as its text. */
export type TransportProtocol = (typeof TransportProtocol)[keyof typeof TransportProtocol];
