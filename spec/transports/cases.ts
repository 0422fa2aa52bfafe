/** What every transport must do, as a client sees it: the same in Node and in a page. The server is that of server.ts. */
import { filter, firstValueFrom, map, merge, take, timer, toArray, type Observable } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { DescribedLink, Frame, Link } from '../../lib/io/link.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';

export const transports = { websocket: webSocket, sse: serverSentEvents, 'long-polling': longPolling } as const;

export type Transport = keyof typeof transports;

export interface Setting {
  readonly transport: Transport;
  /** Where the server is: `ws:`, for all. */
  readonly url: string;
}

type Case = (setting: Setting) => Promise<void>;

/** A case fails by throwing: a page has no `expect`. */
function same(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b.slice(0, 300)}, got ${a.slice(0, 300)}`);
}

const numbers = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

export function linkOf({ transport, url }: Setting): Link<Frame> & DescribedLink {
  return transports[transport](url);
}

function open(setting: Setting, options: Partial<ConnectOptions> = {}): Wire {
  const wire = connect({
    link: linkOf(setting),
    delivery: 'exactly-once',
    reconnect: { initialInterval: 5, maxInterval: 20 },
    ...options,
  });
  // How it ends is in its state.
  wire.errors$.subscribe();
  return wire;
}

function payloads(wire: Wire, type: string, count: number): Promise<readonly unknown[]> {
  return firstValueFrom(
    (wire as Observable<{ readonly type: string; readonly payload: unknown }>).pipe(
      filter((message) => message.type === type),
      map(({ payload }) => payload),
      take(count),
      toArray(),
    ),
  );
}

const send = (wire: Wire, type: string, payload?: unknown): void => wire.next(createMessage(type, payload));

/** Ends it in good order: all is acked, and the server knows. */
async function close(wire: Wire): Promise<void> {
  const ended = firstValueFrom(wire.state$.pipe(filter(({ isFinal }) => isFinal === true)));
  wire.complete();
  same((await ended).status, 'disconnected');
}

/**
 * Has all connections cut, and tells whether that was noticed. A browser makes a request again by itself that was cut before its answer began; as
 * each has a number, the link goes on.
 */
function isCut(wire: Wire): Promise<boolean> {
  const cut = createMessage('test.cut', null);
  const noticed = firstValueFrom(
    merge(
      wire.state$.pipe(
        filter(({ status }) => status === 'reconnecting'),
        map(() => true),
      ),
      wire.receipts$.pipe(
        filter(({ id, status }) => id === cut.id && status === 'acked'),
        map(() => false),
      ),
    ),
  );
  wire.next(cut);
  return noticed;
}

/** With which close codes it has lost connections. */
function codesOf(wire: Wire): readonly number[] {
  const codes: number[] = [];
  wire.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
  return codes;
}

export const cases: Readonly<Record<string, Case>> = {
  async 'delivers both ways, in order'(setting) {
    const wire = open(setting);
    const codes = codesOf(wire);
    const echoed = payloads(wire, 'test.echo', 3_000);
    for (const number of numbers(3_000)) send(wire, 'test.echo', number);
    same(await echoed, numbers(3_000));
    same([wire.state.protocol, codes], [setting.transport, []]);
    await close(wire);
  },

  async 'resumes after each of five cuts: nothing is lost, doubled or reordered'(setting) {
    const wire = open(setting);
    const codes = codesOf(wire);
    const echoed = payloads(wire, 'test.echo', 2_000);
    for (const number of numbers(2_000)) {
      send(wire, 'test.echo', number);
      if (number % 400 !== 200) continue;
      // Some have arrived, some are on their way.
      await firstValueFrom(wire.receipts$.pipe(filter(({ status }) => status === 'acked')));
      while (!(await isCut(wire)));
    }
    same(await echoed, numbers(2_000));
    same(codes.length >= 5, true);
    await close(wire);
  },

  async 'carries large messages'(setting) {
    const wire = open(setting);
    const text = '"\\é€😀\n'.repeat(40_000);
    const echoed = payloads(wire, 'test.echo', 3);
    for (const number of numbers(3)) send(wire, 'test.echo', { number, text });
    for (const [index, payload] of (await echoed).entries()) {
      same((payload as { number: number }).number, index);
      same((payload as { text: string }).text === text, true);
    }
    await close(wire);
  },

  async 'carries bytes'(setting) {
    const wire = open(setting, { codec: msgpack() });
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 256);
    const echoed = payloads(wire, 'test.echo', 1);
    send(wire, 'test.echo', bytes);
    same([...((await echoed)[0] as Uint8Array)], [...bytes]);
    await close(wire);
  },

  async 'carries any text'(setting) {
    const wire = open(setting, {
      codec: { ...json(), encode: (batch) => JSON.stringify(batch.length === 1 ? batch[0] : batch, undefined, '\r\n') },
    });
    const texts = ['', '\0', '\r\n\r\ndata: x\n\nevent: end', '\u2028\u2029\ufeff', '\ufeff'];
    const echoed = payloads(wire, 'test.echo', texts.length);
    for (const text of texts) send(wire, 'test.echo', text);
    same(await echoed, texts);
    await close(wire);
  },

  async 'holds back a sender whose reader is slow'(setting) {
    const wire = open(setting, { window: 8, windowBytes: 64 * 1024 });
    const seen: unknown[] = [];
    const flying: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      const work = ({ type, payload }: { readonly type: string; readonly payload: unknown }): Observable<unknown> | undefined => {
        if (type !== 'test.flood') return undefined;
        const { number, flying: now } = payload as { readonly number: number; readonly flying: number };
        seen.push(number);
        flying.push(now);
        if (seen.length === 100) resolve();
        return timer(2);
      };
      wire.pipe(consume(work)).subscribe();
    });
    send(wire, 'test.flood', { count: 100, size: 20_000 });
    await done;
    same(seen, numbers(100));
    await close(wire);
  },

  async 'ends when the server says goodbye'(setting) {
    const wire = open(setting);
    const codes = codesOf(wire);
    const ended = firstValueFrom(wire.state$.pipe(filter(({ isFinal }) => isFinal === true)));
    wire.subscribe();
    send(wire, 'test.goodbye');
    await ended;
    same(codes, []);
  },

  async 'leaves without a goodbye, and the server knows'(setting) {
    const wire = open(setting);
    const echoed = payloads(wire, 'test.echo', 1);
    send(wire, 'test.echo', 1);
    await echoed;
    const witness = open(setting);
    const lost = payloads(witness, 'test.lost', 1);
    const watching = payloads(witness, 'test.watch', 1);
    send(witness, 'test.watch', wire.id);
    await watching;
    wire.unsubscribe();
    same(await lost, [wire.id]);
    await close(witness);
  },
};
