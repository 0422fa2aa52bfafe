import { useConnection, usePending } from '../../lib/react/index.js';

/** A component that a server and a page render. */
export function Banner(): string {
  return `${useConnection().status}, ${usePending().length} waiting`;
}
