import { json } from '../codec/json.js';
import { session } from '../session/session.js';
import type { Protocol } from './connectOptions.js';
import { counted } from './traffic.js';

/** That of docs/protocol.md: numbered batches, cumulative acks, and sessions that are resumed. */
export const sessionProtocol: Protocol = ({ link, codec = json(), ...options }) => {
  return ({ traffic, listening, ...parts }) =>
    session(codec, { ...options, ...parts, listening$: listening.begun() })(counted(traffic, options.scheduler)(link));
};
