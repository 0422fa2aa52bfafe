/** A message that a session is handing over just now. */
export interface Offered {
  /** Told when all have had it and nobody has handled it; `false` when somebody has. */
  unhandled: (() => void) | false | undefined;
}

/** What is being handed over, to whoever gets it in the same moment. */
export const offered: { current: Offered | undefined } = { current: undefined };

/** Somebody handles it who has asked for messages of its type. */
export function noteHandled(): void {
  if (offered.current) offered.current.unhandled = false;
}
