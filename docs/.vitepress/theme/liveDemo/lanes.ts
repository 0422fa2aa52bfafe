import { defer, NEVER, noop, retry, Subject } from 'rxjs';
import { createMessage, memoryLink, ofType, type Delivery, type Frame, type Inbox, type InboxRecord } from 'rxwire';
import { linkFaults, testWire, type LinkFaults } from 'rxwire/testing';

/** A client that sends numbers to a server, and the network between them. All of it runs in the page. */
export interface Lane {
  readonly network: Pick<LinkFaults, 'cut' | 'drop' | 'restore' | 'blackhole' | 'lag'>;
  /** Sends a number. Returns false if nothing keeps it, and no connection carries it. */
  send(number: number): boolean;
  /** Whether the client still keeps the number, to send it or to send it again. */
  keeps(number: number): boolean;
  /** Ends the server without notice. The next one has only what was in a store. */
  killServer(): void;
  close(): void;
}

/** How long a frame takes in each direction, in ms. */
export const LAG = 200;
/** How often each side must send, in ms: a silent peer is replaced after 2.5 times this time. */
const PING_INTERVAL = 1_000;
/** How long the client of the bare connection waits before it connects again, in ms. */
const RETRY = 100;

/** A client and a server of rxwire. */
export function wireLane(delivery: Delivery, received: (number: number) => void): Lane {
  const { wire, crashServer, close, ...network } = testWire({
    delivery,
    lag: LAG,
    serve: (served) => served.pipe(ofType('demo.number')).subscribe(({ payload }) => received(payload as number)),
    server: { pingInterval: PING_INTERVAL, inbox: inboxInMemory() },
  });
  return {
    network,
    send(number) {
      wire.next(createMessage('demo.number', number, { id: String(number) }));
      return true;
    },
    keeps: (number) => wire.isPending(String(number)),
    killServer: crashServer,
    close,
  };
}

/** A connection that connects again when it is lost, as a WebSocket in a few lines of code does. */
export function bareLane(received: (number: number) => void): Lane {
  const network = linkFaults();
  network.lag(LAG);
  const outgoing = new Subject<Frame>();
  const connection$ = defer(() => {
    const [near, far] = memoryLink<Frame>();
    far(NEVER).subscribe({ next: (frame) => received(Number(frame)), error: noop });
    return network.layer(near)(outgoing);
  });
  const connection = connection$.pipe(retry({ delay: RETRY })).subscribe();
  return {
    network,
    send(number) {
      const isOpen = outgoing.observed;
      outgoing.next(String(number));
      return isOpen;
    },
    keeps: () => false,
    killServer: () => network.drop(),
    close: () => connection.unsubscribe(),
  };
}

/** The inbox of the server. It stands for a database: it is still there when the server was killed. */
function inboxInMemory(): Inbox {
  const records = new Map<string, InboxRecord>();
  const unknown = { cursor: { done: 0, finished: [] } };
  return {
    claim(pid, decide) {
      const record = records.get(pid);
      const claim = decide(record);
      if (claim && record) records.set(pid, { ...record, claim });
      return { record, lease: claim && { pid, ...claim } };
    },
    commit: ({ pid, ...claim }, cursor) => void records.set(pid, { claim, ...records.get(pid), cursor }),
    remember: ({ pid, ...claim }, session) => void records.set(pid, { ...unknown, claim, ...records.get(pid), session }),
  };
}
