import { createServer, type Server } from 'node:http';
import { delay, of, type Observable } from 'rxjs';
import { connect, createMessage, webSocket, type Message, type Wire } from '../../lib/index.js';

/** What the examples of the docs may use without saying where it comes from. */
export interface Prelude {
  /** Messages that come in. */
  readonly messages$: Observable<Message>;
  /** Messages that are to be sent. */
  readonly outgoing$: Observable<Message>;
  /** Something that can be loaded. */
  readonly load$: Observable<string>;
  /** A wire to a server that runs what `execution.start` asks for. */
  readonly wire: Wire;
  readonly httpServer: Server;
  /** Stores a value, and emits it when that is done. */
  readonly save: <T>(value: T) => Observable<T>;
  /** Shows a value to somebody. */
  readonly draw: (value: unknown) => void;
}

/** Makes each of them when it is asked for, fresh for every example; `url` is where the server is. */
export const makers: { readonly [Name in keyof Prelude]: (url: string) => Prelude[Name] } = {
  messages$: () =>
    of<Message[]>(
      createMessage('execution.output', { executionId: 'e1', sandboxId: 's1', data: '42\n' }, { target: 'console' }),
      createMessage('execution.complete', { executionId: 'e1', sandboxId: 's1' }, { target: 'console' }),
    ),
  outgoing$: () => of<Message[]>(createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: 'console.log(6 * 7)' })),
  wire: (url) => connect({ link: webSocket(url) }),
  load$: () => of('loaded'),
  httpServer: () => createServer(),
  save: () => (value) => of(value).pipe(delay(1)),
  draw: () => () => undefined,
};
