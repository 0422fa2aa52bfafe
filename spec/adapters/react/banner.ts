import { useConnection, usePending } from '../../../lib/adapters/react/index.js';

/** A component that a server and a page render. */
export function Banner(): string {
  return `${useConnection().status}, ${usePending().length} waiting`;
}
