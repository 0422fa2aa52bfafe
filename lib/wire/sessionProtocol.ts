import { json } from '../codec/json.js';
import { countedSession } from '../session/session.js';
import type { Protocol } from './connectOptions.js';

/** The protocol of docs/protocol.md: numbered batches, cumulative acks, and sessions that are resumed. */
export const sessionProtocol: Protocol = ({ link, codec = json(), ...options }) => {
  return ({ traffic, listening, ...parts }) =>
    countedSession(codec, { ...options, ...parts, listening$: listening.begun() }, traffic)(link);
};
