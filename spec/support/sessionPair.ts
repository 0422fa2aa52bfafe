import { defer, filter, firstValueFrom, map, merge, ReplaySubject, Subject, takeUntil, tap, throwError, type Subscription } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { serve, type ServeOptions } from '../../lib/server/serve.js';
import type { Principal } from '../../lib/server/principal.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';

export type ClientOptions = Partial<Omit<ConnectOptions, 'link'>>;

const reconnect = { initialInterval: 10, maxInterval: 10, jitter: 0 };

/** A network in this process. What befalls it befalls all its connections, and both ends of each. */
export function network(times: Pick<ServeOptions, 'scheduler' | 'microtask'> = {}) {
  const links$ = new Subject<Link<Frame>>();
  const cut$ = new Subject<number>();
  let isUp = true;
  let isSilent = false;
  let opened = 0;

  const faulty =
    (link: Link<Frame>): Link<Frame> =>
    (outgoing) =>
      defer(() => {
        const ended$ = new Subject<void>();
        const lost$ = cut$.pipe(
          map((code): never => {
            throw new ConnectionLostError(code, 'cut');
          }),
        );
        const frames$ = link(outgoing.pipe(filter(() => !isSilent))).pipe(tap({ complete: () => ended$.next() }));
        return merge(lost$, frames$).pipe(takeUntil(ended$));
      });
  const dial: Link<Frame> = (outgoing) =>
    defer(() => {
      if (!isUp) return throwError(() => new ConnectionLostError(1006, 'refused'));
      opened++;
      const [near, far] = memoryLink<Frame>(times.microtask && { scheduler: times.microtask });
      links$.next(faulty(far));
      return faulty(near)(outgoing);
    });

  return {
    /** Starts the server there is; unsubscribing stops it, and lets go of its wires. */
    serve: (options: ServeOptions<Principal | undefined>, onWire: (wire: Wire) => void): Subscription =>
      serve(links$, { ...times, ...options }).subscribe(onWire),
    /** Another client. */
    connect: (options: ClientOptions = {}): Wire => connect({ ...times, reconnect, ...options, link: dial }),
    /** Each connection is lost; another can be opened at once. */
    cut: (code = 1006): void => cut$.next(code),
    /** Each connection is lost, and none can be opened. */
    down(code = 1006): void {
      isUp = false;
      cut$.next(code);
    },
    up: (): void => void (isUp = true),
    /** Half-open: frames vanish on their way, and nobody is told. */
    silence: (is: boolean): void => void (isSilent = is),
    /** How many connections there were. */
    opened: (): number => opened,
  };
}

export interface PairOptions {
  readonly client?: ClientOptions;
  readonly server?: ServeOptions<Principal | undefined>;
  /** Gets each wire of the server in the moment it comes, before any message can: a test in virtual time subscribes here. */
  readonly onServerWire?: (wire: Wire) => void;
}

/**
 * A client and a server in this process, with real sessions between them. They take their time from the `scheduler` and `microtask` of
 * the server's options: one `TestScheduler` as both makes all of it virtual.
 */
export function pair({ client = {}, server = {}, onServerWire }: PairOptions = {}) {
  const { scheduler, microtask } = server;
  const net = network({ ...(scheduler && { scheduler }), ...(microtask && { microtask }) });
  const wires$ = new ReplaySubject<Wire>();
  const start = (): Subscription =>
    net.serve(server, (wire) => {
      onServerWire?.(wire);
      wires$.next(wire);
    });
  let running = start();
  const wire = net.connect(client);

  return {
    ...net,
    /** The client's. */
    wire,
    /** The server's `index`th, from 0. */
    serverWire: (index = 0): Promise<Wire> => firstValueFrom(wires$.pipe(filter((_, at) => at === index))),
    /** Another server takes the place of this one; what it knows of the client is in the stores it was given. */
    restart(): void {
      running.unsubscribe();
      running = start();
    },
    close(): void {
      wire.unsubscribe();
      running.unsubscribe();
    },
  };
}
