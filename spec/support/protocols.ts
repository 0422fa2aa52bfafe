import { envelopeProtocol } from '../../lib/envelope/wire/envelopeProtocol.js';
import { sessionProtocol } from '../../lib/wire/connect.js';

/** Both protocols, for tests of what both must do. */
export const protocols = [
  ['session', sessionProtocol],
  ['envelope', envelopeProtocol],
] as const;
