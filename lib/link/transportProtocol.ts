/**
 * The transports of a wire. A link that is none of the others is `custom`.
 *
 * @example
 * import { connect, TransportProtocol, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.state$.subscribe(({ protocol }) =>
 *   console.log(protocol === TransportProtocol.WEBSOCKET ? 'fast' : 'fallback'),
 * );
 */
export const TransportProtocol = { WEBSOCKET: 'websocket', SSE: 'sse', LONG_POLLING: 'long-polling', CUSTOM: 'custom' } as const;

/** One of the transports, as its text. */
export type TransportProtocol = (typeof TransportProtocol)[keyof typeof TransportProtocol];
