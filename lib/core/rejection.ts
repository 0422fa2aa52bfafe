/** Why a message that has arrived was not processed. */
export interface MessageRejection {
  readonly kind: RejectionFields[1];
  readonly code: string;
  readonly reason: string;
}

export const MAX_REJECTION_CODE = 64;
export const MAX_REJECTION_REASON = 200;

/**
 * A rejected message: its number, and what the other side reports of it (protocol, "Rejections").
 */
export type RejectionFields = readonly [number: number, kind: 'dead-lettered' | 'refused' | 'undecodable', code: string, reason: string];
