import { ProtocolError } from '../../../lib/message/errors.js';
import { readRejection, type NumberedRejection } from '../../../lib/core/rejection.js';
import { whole } from './handshake.js';

/** The maximum number of rejections in a frame. */
const MAX_REJECTIONS = 32;

/**
 * Parses the rejections of a frame.
 * @throws {ProtocolError} When a field is
 * out of range.
 */
export function readRejections(value: unknown): readonly NumberedRejection[] {
  if (!Array.isArray(value) || value.length > MAX_REJECTIONS) throw new ProtocolError('the reject is invalid');
  return value.map((fields: unknown) => {
    const rejection = readRejection(fields);
    if (!rejection) throw new ProtocolError('the reject is invalid');
    whole(rejection.number, 'number');
    return rejection;
  });
}
