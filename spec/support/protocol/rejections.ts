import { ProtocolError } from '../../../lib/message/errors.js';
import type { NumberedRejection } from '../../../lib/stores/inbox.js';
import { isRejection, readRejection } from '../../../lib/stores/log/storedInbox.js';
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
    if (!isRejection(fields)) throw new ProtocolError('the reject is invalid');
    whole(fields[0], 'number');
    return readRejection(fields);
  });
}
