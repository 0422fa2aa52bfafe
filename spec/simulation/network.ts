import { Observable } from 'rxjs';
import { CloseCode, ConnectionLostError, type Frame, type Link } from '../../lib/index.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import { createEnd, type End } from './connection.js';
import type { Life } from './life.js';
import { createPipe, type Pipe } from './pipe.js';
import type { LinkPlan } from './plan.js';

export type Side = 'client' | 'server';

export const other = (side: Side): Side => (side === 'client' ? 'server' : 'client');

/** A connection between a client and a server. */
export interface Connection {
  readonly name: string;
  /** Which of the servers it leads to. */
  readonly host: number;
  readonly ends: Readonly<Record<Side, End>>;
  readonly pipes: Readonly<Record<Side, Pipe>>;
}

/** Sees all that happens to connections. */
export interface Watcher {
  sent(connection: Connection, from: Side, frame: Frame): void;
  /** Told just before it is taken. */
  taken(connection: Connection, by: Side, frame: Frame): void;
  opened(connection: Connection): void;
  /** Called when one side ends a connection in good order. */
  left(connection: Connection, by: Side): void;
}

export interface Network {
  /** What a client connects with. */
  readonly link: (life: Life) => Link<Frame>;
  /** Who accepts connections; nobody, while the server is down. */
  listen(life: Life, accept: (link: Link<Frame>) => void, host?: number): void;
  /** Connects somebody to a server, if it lives. Nothing of this connection is watched, and no fault befalls it. */
  visit(linkTo: (life: Life) => Link<Frame>, host: number): void;
  /** From now on clients reach another server, of so many. */
  aim(host: number): void;
  /** Those that are open at an end. */
  connections(): readonly Connection[];
  /** Something happens to a connection. */
  fault(connection: Connection): string;
  /** A connection is lost, and both ends learn of it at once. */
  drop(connection: Connection): void;
  /** From now on there are no faults; what has broken stays broken. */
  heal(): void;
}

export interface NetworkOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly plan: LinkPlan;
  readonly watcher: Watcher;
}

/** How long it is waited for a connection that nobody refuses, in ms. */
const OPEN_TIMEOUT = 3_000;

export function createNetwork({ clock, chance, plan, watcher }: NetworkOptions): Network {
  let connections: Connection[] = [];
  const servers: { readonly life: Life; readonly accept: (link: Link<Frame>) => void }[] = [];
  let aimed = 0;
  let isHealed = false;
  let count = 0;

  const latency = (): number => chance.skewed(plan.latency[0], plan.latency[1]);
  const connect = (client: Life, serving: Life, host: number): Connection => {
    const pipe = (to: Side): Pipe => {
      return createPipe({
        ...{ clock, chance, link: plan },
        isLossy: () => plan.isLossy && !isHealed,
        deliver: (parcel) => made.ends[to].receive(parcel),
      });
    };
    const pipes = { client: pipe('server'), server: pipe('client') };
    const end = (side: Side, life: Life): End => {
      return createEnd({
        ...{ life, pipe: pipes[side] },
        onSent: (frame) => watcher.sent(made, side, frame),
        onTaken: (frame) => watcher.taken(made, side, frame),
        onLeft: () => watcher.left(made, side),
        isTold: () => isHealed || chance.hit(0.7),
      });
    };
    const made: Connection = {
      name: `#${++count}`,
      host,
      ends: { client: end('client', client), server: end('server', serving) },
      pipes,
    };
    connections = [...connections.filter(isUsed), made];
    return made;
  };
  const open = (life: Life): Observable<Link<Frame>> =>
    new Observable((subscriber) => {
      const lose = (reason: string): void => subscriber.error(new ConnectionLostError(CloseCode.ABNORMAL, reason));
      const later = (delay: number, task: () => void): void =>
        clock.after(delay, () => {
          life.whenRunning(() => life.isAlive() && !subscriber.closed && task());
        });
      if (!isHealed && chance.hit(plan.refused)) {
        const isSilent = chance.hit(0.3);
        return later(isSilent ? OPEN_TIMEOUT : latency(), () => lose(isSilent ? 'no answer' : 'refused'));
      }
      return later(latency(), () => {
        const server = servers[aimed];
        if (!server?.life.isAlive()) return lose('nobody listens');
        const made = connect(life, server.life, aimed);
        server.life.whenRunning(() => {
          if (server.life.isAlive()) server.accept(made.ends.server.link);
        });
        watcher.opened(made);
        return later(latency(), () => subscriber.next(made.ends.client.link));
      });
    });

  return {
    link: (life) => (outgoing) =>
      new Observable((subscriber) => {
        if (!life.step()) return;
        subscriber.add(
          open(life).subscribe({
            next: (link) => subscriber.add(link(outgoing).subscribe(subscriber)),
            error: (error: unknown) => subscriber.error(error),
          }),
        );
      }),
    listen: (life, accept, host = 0) => void (servers[host] = { life, accept }),
    visit(linkTo, host) {
      const server = servers[host];
      server?.life.whenRunning(() => {
        if (server.life.isAlive()) server.accept(linkTo(server.life));
      });
    },
    aim: (host) => void (aimed = host),
    connections: () => connections.filter(isUsed),
    fault: (connection) => breakSomehow(connection, clock, chance),
    drop({ ends }) {
      ends.client.breakDown();
      ends.server.breakDown();
    },
    heal: () => void (isHealed = true),
  };
}

function isUsed({ ends }: Connection): boolean {
  return ends.client.isOpen || ends.server.isOpen;
}

/** What can happen to a connection; answers what did. */
function breakSomehow({ pipes, ends }: Connection, clock: Clock, chance: Chance): string {
  const kind = chance.pick(['cut', 'cut', 'half-open', 'stalled', 'gone for one side'] as const);
  const side = chance.pick(['client', 'server'] as const);
  if (kind === 'stalled') {
    pipes[side].stall(chance.skewed(0, 5_000));
    return `stalled from ${side}`;
  }
  pipes[side].sever();
  if (kind === 'half-open') return `half-open: nothing arrives from ${side}`;
  pipes[other(side)].sever();
  const told = kind === 'cut' ? [ends.client, ends.server] : [ends[side]];
  for (const end of told) clock.after(chance.skewed(0, 2_000), () => end.breakDown());
  return kind;
}
