/** The maximum lengths of the texts of a rejection. */
const MAX_CODE = 64;
const MAX_REASON = 200;

/** The reason why a receiver did not process a message. The sender receives it with the ack. */
export interface Rejection {
  /**
   * `dead-lettered`: the handler has finally failed, and the message is a dead letter of the
   * receiver. `refused`: the receiver does not allow the message. `undecodable`: the receiver
   * cannot read the message, and keeps its bytes as a dead letter.
   */
  readonly kind: 'dead-lettered' | 'refused' | 'undecodable';
  /** The code of the error. */
  readonly code: string;
  /** A sentence for people. */
  readonly reason: string;
}

/** The rejection of the message with this number. */
export interface NumberedRejection extends Rejection {
  readonly number: number;
}

/** A rejection in a frame, and in a store (protocol, "Rejections"). */
export type RejectionFields = readonly [number: number, kind: Rejection['kind'], code: string, reason: string];

export const numbered = (number: number, { kind, code, reason }: Rejection): NumberedRejection => ({
  number,
  kind,
  code: code.slice(0, MAX_CODE),
  reason: reason.slice(0, MAX_REASON),
});

export const rejectionFields = ({ number, kind, code, reason }: NumberedRejection): RejectionFields => [number, kind, code, reason];

const KINDS: readonly unknown[] = ['dead-lettered', 'refused', 'undecodable'];
const isShort = (value: unknown, most: number): boolean => typeof value === 'string' && value.length <= most;

/** Returns the rejection that a value of a stranger is; undefined if it is none. */
export function readRejection(value: unknown): NumberedRejection | undefined {
  const [number, kind, code, reason] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  const isOne = Number.isSafeInteger(number) && KINDS.includes(kind) && isShort(code, MAX_CODE) && isShort(reason, MAX_REASON);
  return isOne ? ({ number, kind, code, reason } as NumberedRejection) : undefined;
}
