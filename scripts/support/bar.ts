/** Draws a share of a budget, 20 characters wide. */
export const bar = (share: number): string => '█'.repeat(Math.min(20, Math.round(share * 20))).padEnd(20, '░');
