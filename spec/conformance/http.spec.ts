import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, of, ignoreElements, endWith, catchError } from 'rxjs';
import { ConnectionLostError, RxwireError } from '../../lib/message/errors.js';
import { createEventDecoder } from '../../lib/io/http/eventFormat.js';
import { decodeRecords, isEnding, type Item as Carried } from '../../lib/io/http/recordFormat.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { memoryCluster } from '../support/memoryCluster.js';
import { wireServer } from '../support/wireServer.js';
import { load, valuesOf, type Item } from './runner/script.js';
import { Variables } from './runner/variables.js';

interface Request {
  readonly method: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly frames?: readonly unknown[];
  readonly bodyHex?: string;
  readonly bodySize?: number;
  /** The name of a request that is not waited for. */
  readonly held?: string;
  /** The name of such a request, whose answer is expected now. */
  readonly answerOf?: string;
  readonly status: number;
  readonly answerFields?: Readonly<Record<string, string>>;
  /** The frames of an answer as bytes, or the first events of a stream. */
  readonly answer?: readonly unknown[];
  readonly events?: readonly unknown[];
  readonly end?: number;
}

interface Exchange extends Item {
  readonly given?: { readonly node?: string; readonly hold?: number; readonly maxFrame?: number; readonly origins?: readonly string[] };
  readonly requests: readonly Request[];
}

/** A frame or an end, as the files write it. */
const written = (item: Carried): unknown =>
  typeof item === 'string' || isEnding(item) ? item : { hex: Buffer.from(item).toString('hex') };

const bodyOf = ({ frames, bodyHex, bodySize }: Request, variables: Variables): Uint8Array<ArrayBuffer> | undefined => {
  if (bodySize !== undefined) return new Uint8Array(bodySize);
  if (bodyHex !== undefined) return new Uint8Array(Buffer.from(bodyHex, 'hex'));
  if (!frames) return undefined;
  const records = frames.flatMap((frame) => {
    const text = Buffer.from(JSON.stringify(variables.fill(frame)));
    const header = Buffer.alloc(5);
    header.writeUInt32BE(text.length, 1);
    return [header, text];
  });
  return new Uint8Array(Buffer.concat(records));
};

/** The first events of a stream, as the texts that they hold. */
async function eventsOf(response: Response, count: number): Promise<readonly Carried[]> {
  const decode = createEventDecoder(1_000_000);
  const items: Carried[] = [];
  const reader = response.body!.getReader();
  while (items.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    items.push(...decode(value));
  }
  reader.releaseLock();
  return items;
}

async function check(request: Request, response: Response, variables: Variables): Promise<void> {
  const { status, answer, events, end, answerFields = {} } = request;
  expect(response.status).toBe(status);
  for (const [name, value] of Object.entries(answerFields)) {
    if (value === '*') expect(response.headers.has(name)).toBe(true);
    else expect(response.headers.get(name)).toContain(value);
  }
  if (!answer && !events) return;
  const items = events ? await eventsOf(response, events.length) : decodeRecords(new Uint8Array(await response.arrayBuffer()), 1_000_000);
  const wanted = answer ?? events ?? [];
  for (const [index, frame] of wanted.entries()) {
    const got = JSON.parse(items[index] as string) as unknown;
    if (!variables.matches(frame, got)) throw new Error(`expected ${JSON.stringify(frame)}, got ${JSON.stringify(got)}`);
  }
  if (end !== undefined) expect(items.at(-1)).toMatchObject({ code: end });
}

describe('http/requests.json states the answers of listen', () => {
  it.each(load<readonly Exchange[]>('http/requests.json').map((one) => [one.name, one] as const))('%s', async (_, { given, requests }) => {
    const { hold, maxFrame, origins, node } = given ?? {};
    const cluster = node !== undefined && { cluster: memoryCluster().join(node) };
    const set = {
      ...cluster,
      ...(hold !== undefined && { pollHold: hold }),
      ...(maxFrame !== undefined && { maxFrame }),
      ...(origins && { origins }),
    };
    const server = await wireServer((wire) => void wire.subscribe(), set);
    const variables = new Variables(valuesOf({ name: '', section: '', level: 'must', steps: [] }, {}));
    const held = new Map<string, Promise<Response>>();
    try {
      for (const request of requests) {
        const { method, answerOf } = request;
        if (answerOf !== undefined) {
          await check(request, await held.get(answerOf)!, variables);
          continue;
        }
        const headers = variables.fill(request.fields) as Record<string, string>;
        const body = bodyOf(request, variables);
        const sent = fetch(server.url.replace('ws', 'http'), { method, headers, ...(body && { body }) });
        if (request.held === undefined) await check(request, await sent, variables);
        else {
          held.set(request.held, sent);
          // The order of requests over several sockets is not that of their sending.
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
      }
    } finally {
      await server.close();
    }
  });
});

describe('http/statuses.json states the error of a link for each status', () => {
  const rows = load<readonly (Item & { readonly status: number; readonly code: number })[]>('http/statuses.json');
  const links = { serverSentEvents, longPolling };

  describe.each(Object.keys(links) as (keyof typeof links)[])('%s', (name) => {
    it.each(rows.map((row) => [row.name, row] as const))('%s', async (_, { status, code }) => {
      const server = createServer((__, response) => response.writeHead(status).end());
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const link = links[name](`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const ended$ = link(of('["hello",{}]')).pipe(
        ignoreElements(),
        endWith('complete'),
        catchError((error: unknown) => of(error)),
      );
      const error = await firstValueFrom(ended$);
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect((error as ConnectionLostError).closeCode).toBe(code);
      server.close();
      server.closeAllConnections();
    });
  });
});

describe('http/records.json is how bodies are read', () => {
  const vectors = load<readonly (Item & { readonly hex: string; readonly items?: readonly unknown[] })[]>('http/records.json');

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, { hex, items }) => {
    const read = (): unknown => decodeRecords(new Uint8Array(Buffer.from(hex, 'hex')), 1024 * 1024).map(written);
    if (items) expect(read()).toEqual(items);
    else expect(read).toThrow(RxwireError);
  });
});

describe('http/events.json is how streams are read', () => {
  const vectors = load<readonly (Item & { readonly stream: string; readonly items: readonly unknown[] })[]>('http/events.json');

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, { stream, items }) => {
    expect(createEventDecoder(1_000)(Buffer.from(stream)).map(written)).toEqual(items);
  });
});
