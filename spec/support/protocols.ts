import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import { sessionProtocol } from '../../lib/wire/connect.js';

/** Both protocols, for tests of what both must do. */
export const protocols = [
  ['session', sessionProtocol],
  ['envelope', envelopeProtocol],
] as const;
