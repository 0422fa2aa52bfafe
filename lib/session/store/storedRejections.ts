import { MAX_CODE, MAX_REASON } from '../../core/progress.js';
import type { RejectionFields } from '../../core/storedTypes.js';
import type { NumberedRejection } from './inbox.js';

const KINDS: readonly unknown[] = ['dead-lettered', 'refused', 'undecodable'];

/** Returns the fields of a rejection as an array: number, kind, code, reason. */
export function rejectionFields({ number, kind, code, reason }: NumberedRejection): RejectionFields {
  return [number, kind, code.slice(0, MAX_CODE), reason.slice(0, MAX_REASON)];
}

/** @param value The fields of a rejection. */
export function readRejection([number, kind, code, reason]: RejectionFields): NumberedRejection {
  return { number, kind, code, reason };
}

/** Returns whether a value has the fields of a rejection. */
export function isRejection(value: unknown): value is RejectionFields {
  const [number, kind, code, reason] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return Number.isSafeInteger(number) && KINDS.includes(kind) && isText(code, MAX_CODE) && isText(reason, MAX_REASON);
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max;
}
