import type { Message } from 'rxwire';

/** The console's own kind of message, added to the map: from here on, it is as typed as the others. */
declare module 'rxwire' {
  interface MessageTypes {
    'execution.stop': { readonly executionId: string; readonly sandboxId: string };
  }
}

/** What a server answers to `execution.start`: any number of outputs, then one of the other two. */
export type ExecutionMessage = Message<'execution.output'> | Message<'execution.complete'> | Message<'execution.error'>;
