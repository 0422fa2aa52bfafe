import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { filter, firstValueFrom } from 'rxjs';
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector } from 'yjs';
import { createDocument, MAX_TEXT, textIn } from '../../docs/examples/console/document.js';
import { samples } from '../../docs/examples/console/page/samples.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { createWorkspace } from '../../docs/examples/console/workspace/workspace.js';
import { createMessage, hub, request } from '../../lib/index.js';
import { seeded } from '../support/seeded.js';
import { createPerson, type Person } from './consoleDocumentSupport.js';
import { eventually } from './consoleSupport.js';

const SEED = samples[0]!.code;

let server: Console;
const people: Person[] = [];

beforeEach(async () => {
  server = await startConsole({ port: 0, page: false });
});
afterEach(async () => {
  people.splice(0).forEach(({ leave }) => leave());
  await server.close();
});

function join(id = 'shared'): Person {
  const person = createPerson(server.url, id);
  people.push(person);
  return person;
}
const agree = (...all: readonly Person[]): Promise<void> => eventually(() => new Set(all.map(({ text }) => text())).size === 1);
/** What a server has, asked by somebody who has nothing. */
async function textOfServer({ workspace }: Person): Promise<string> {
  const vector = encodeStateVector(new Doc());
  const { update } = await firstValueFrom(request(workspace.wire, createMessage('document.sync', { sandboxId: workspace.id, vector })));
  const doc = new Doc();
  applyUpdate(doc, update);
  return textIn(doc).toJSON();
}
/** The page asks for the text when it has joined, and this asks behind it. */
async function isIn(person: Person): Promise<void> {
  await firstValueFrom(person.workspace.channel.state$.pipe(filter(({ status }) => status === 'joined')));
  await textOfServer(person);
}

/** Marks one character that nobody else writes. */
const mark = (index: number): string => String.fromCharCode(0xe000 + index);
const marksIn = (text: string): string[] => text.match(/[\ue000-\uf8ff]/g)?.sort() ?? [];

describe('the document of a workspace', () => {
  it('begins with the first example, the same for all', async () => {
    const [ann, bob] = [join(), join()];
    await Promise.all([isIn(ann), isIn(bob)]);
    expect([ann.text(), bob.text(), await textOfServer(ann)]).toEqual([SEED, SEED, SEED]);
  });

  it('merges simultaneous edits at different places', async () => {
    const [ann, bob] = [join(), join()];
    ann.write(0, 'ann ');
    bob.write(SEED.length, ' bob');
    await agree(ann, bob);
    await eventually(() => ann.text() === `ann ${SEED} bob`);
    expect(await textOfServer(bob)).toBe(`ann ${SEED} bob`);
  });

  it('is sent to later clients, and is separate for each workspace', async () => {
    const ann = join();
    ann.write(0, '// kept\n');
    await isIn(ann);
    const [bob, eve] = [join(), join('elsewhere')];
    await eventually(() => bob.text() === `// kept\n${SEED}`);
    await isIn(eve);
    expect(await textOfServer(eve)).toBe(SEED);
  });

  it.each([1, 2, 3])('converges after random edits and lost connections (%i)', async (seed) => {
    const random = seeded(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const three = [join(), join(), join()];
    await Promise.all(three.map(isIn));

    const written: string[] = [];
    const erased = new Set<string>();
    let cuts = 0;
    for (let step = 0; step < 300; step++) {
      const person = three[below(3)]!;
      const at = below(person.text().length + 1);
      if (random() < 0.7) {
        person.write(at, `x${mark(step)}y`);
        written.push(mark(step));
      } else {
        const length = below(6);
        marksIn(person.text().slice(at, at + length)).forEach((character) => erased.add(character));
        person.erase(at, length);
      }
      if (step % 40 === 20) cuts += Number((await person.cut()) === 204);
      if (random() < 0.3) await setImmediate();
    }

    await agree(...three);
    const left = written.filter((character) => !erased.has(character));
    await eventually(() => marksIn(three[0]!.text()).length === left.length);
    await agree(...three);
    expect(marksIn(three[0]!.text())).toEqual(left.sort());
    expect(await textOfServer(three[0]!)).toBe(three[0]!.text());
    expect(cuts).toBeGreaterThan(0);
  });

  it('survives a restart of the server: earlier and later edits are present, once', async () => {
    const [ann, bob] = [join(), join()];
    ann.write(0, 'before ');
    await agree(ann, bob);
    await server.close();
    ann.write(0, 'ann ');
    bob.write(bob.text().length, ' bob');
    server = await startConsole({ port: Number(new URL(server.url).port), page: false });
    await eventually(() => ann.text() === `ann before ${SEED} bob`);
    await agree(ann, bob);
    expect(await textOfServer(ann)).toBe(ann.text());
  });

  it('delays remote edits while the user composes a character', async () => {
    const [ann, bob] = [join(), join()];
    await Promise.all([isIn(ann), isIn(bob)]);
    ann.hold$.next(true);
    bob.write(0, 'one ');
    await eventually(() => bob.text() === `one ${SEED}`);
    bob.write(0, 'two ');
    await textOfServer(ann);
    expect(ann.text()).toBe(SEED);
    ann.write(0, 'composed ');
    ann.hold$.next(false);
    await eventually(() => ann.text().includes('two one '));
    await agree(ann, bob);
    expect(ann.text()).toContain('composed ');
  });

  it('is written to a file of the workspace', async () => {
    const rooms = hub();
    const { folder, life } = createWorkspace('file', { channel: rooms.channel('workspace.file'), state: rooms.channel('state.file') });
    const read = (): string => {
      try {
        return readFileSync(joinPath(folder, 'program.mjs'), 'utf8');
      } catch {
        return '';
      }
    };
    await eventually(() => read() === SEED);
    const doc = createDocument();
    for (let n = 0; n < 5; n++) {
      const vector = encodeStateVector(doc);
      textIn(doc).insert(0, `${n} `);
      rooms.channel('workspace.file').next(createMessage('document.edit', { update: encodeStateAsUpdate(doc, vector) }));
    }
    await eventually(() => read() === `4 3 2 1 0 ${SEED}`);
    life.unsubscribe();
  });
});

describe('the document of a workspace, and harmful input', () => {
  /** What a page would publish that does this. */
  function madeBy(doc: Doc, act: (doc: Doc) => void): Uint8Array {
    const vector = encodeStateVector(doc);
    act(doc);
    return encodeStateAsUpdate(doc, vector);
  }
  const letters = (text: string): number[] => [...Buffer.from(text)];
  const ROOTED = [4, 1, 7, ...letters('program'), 1, ...letters('a')];
  const after = (client: number, clock: number): number[] => [0x84, client, clock, 1, ...letters('b')];

  it.each<[string, (doc: Doc) => unknown]>([
    ['nothing', () => undefined],
    ['text', () => 'abc'],
    ['no bytes at all', () => new Uint8Array()],
    ['bytes of no update', () => new Uint8Array(100).fill(7)],
    ['half an update', (doc) => madeBy(doc, () => textIn(doc).insert(0, 'hello')).subarray(0, -4)],
    ['a number of pieces that is a lie', () => Uint8Array.of(1, 0xff, 0xff, 0xff, 0x7f, 5, 0)],
    ['another root', (doc) => madeBy(doc, () => doc.getMap('other').set('a', 1))],
    ['a picture in the text', (doc) => madeBy(doc, () => textIn(doc).insertEmbed(0, { image: 'x' }))],
    ['bold text', (doc) => madeBy(doc, () => textIn(doc).insert(0, 'bold', { bold: true }))],
    ['a carriage return', (doc) => madeBy(doc, () => textIn(doc).insert(0, 'a\r\nb'))],
    ['what stands on the unknown', (doc) => (textIn(doc).insert(0, 'unsaid'), madeBy(doc, () => textIn(doc).insert(3, 'said')))],
    ['the deletion of the unknown', () => Uint8Array.of(0, 1, 9, 1, 0, 5)],
    ['a deletion that is there twice', () => Uint8Array.of(1, 1, 5, 0, ...ROOTED, 1, 5, 2, 0, 1, 0, 1)],
    ['rubble', () => Uint8Array.of(1, 1, 9, 0, 0, 5, 0)],
    ['a hole', () => Uint8Array.of(1, 2, 9, 0, 10, 5, ...after(9, 4), 0)],
    ['an author who is there twice', () => Uint8Array.of(2, 1, 5, 0, ...ROOTED, 1, 5, 1, ...after(5, 0), 0)],
    ['two that stand on each other', () => Uint8Array.of(2, 1, 5, 0, ...after(6, 0), 1, 6, 0, ...after(5, 0), 0)],
    [
      'what stands right of its right neighbour',
      () => Uint8Array.of(1, 2, 5, 0, ...ROOTED.slice(0, -2), 3, ...letters('abc'), 0xc4, 5, 2, 5, 0, 1, ...letters('x'), 0),
    ],
    ['what stands on itself', () => Uint8Array.of(1, 1, 5, 0, ...after(5, 0), 0)],
    ['too much', (doc) => madeBy(doc, () => textIn(doc).insert(0, 'x'.repeat(MAX_TEXT)))],
  ])('refuses %s, and does not deliver it to others', async (_, make) => {
    const [ann, eve] = [join(), join()];
    await Promise.all([isIn(ann), isIn(eve)]);
    const got: unknown[] = [];
    ann.workspace.channel.subscribe(({ id }) => got.push(id));

    const message = createMessage('document.edit', { update: make(createDocument()) as Uint8Array });
    const refused = firstValueFrom(eve.workspace.channel.errors$);
    eve.workspace.channel.next(message);
    expect(await refused).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', action: 'publish', id: message.id });

    eve.write(0, 'well ');
    await eventually(() => ann.text() === `well ${SEED}`);
    expect(got).not.toContain(message.id);
    expect(ann.doc.store).toMatchObject({ pendingStructs: null, pendingDs: null });
    expect(await textOfServer(ann)).toBe(ann.text());
  });

  it('takes the same bytes as far as they are right', async () => {
    const ann = join();
    await isIn(ann);
    const update = Uint8Array.of(2, 1, 5, 0, ...ROOTED, 1, 6, 0, ...after(5, 0), 1, 5, 1, 0, 1);
    ann.workspace.channel.next(createMessage('document.edit', { update }));
    await eventually(() => /^b/.test(ann.text()) || ann.text().endsWith('b'));
    expect(await textOfServer(ann)).toBe(ann.text());
  });

  it('reports an edit above the size limit to its author, and continues without it', async () => {
    const [ann, eve] = [join(), join()];
    await Promise.all([isIn(ann), isIn(eve)]);
    eve.write(0, 'x'.repeat(MAX_TEXT));
    expect(await eve.failed).toMatchObject({ code: 'ERR_CHANNEL_REFUSED' });
    ann.write(0, 'room ');
    const bob = join();
    await eventually(() => bob.text() === `room ${SEED}`);
  });

  it('lets a full text be replaced by another', async () => {
    const [ann, bob] = [join(), join()];
    await Promise.all([isIn(ann), isIn(bob)]);
    ann.write(0, 'x'.repeat(MAX_TEXT - SEED.length));
    await eventually(() => bob.text().length === MAX_TEXT);
    bob.doc.transact(() => {
      bob.erase(0, MAX_TEXT);
      bob.write(0, 'y'.repeat(MAX_TEXT));
    });
    await eventually(() => ann.text() === 'y'.repeat(MAX_TEXT));
  });

  it('refuses a malformed request for missing edits, and continues', async () => {
    const ann = join();
    await isIn(ann);
    const ask = (vector: unknown): Promise<unknown> =>
      firstValueFrom(request(ann.workspace.wire, createMessage('document.sync', { sandboxId: 'shared', vector: vector as Uint8Array })));
    await expect(ask(Uint8Array.of(0xff, 0xff))).rejects.toMatchObject({ remoteCode: 'ERR_BAD_REQUEST' });
    await expect(ask({ length: 3 })).rejects.toMatchObject({ remoteCode: 'ERR_BAD_REQUEST' });
    expect(await textOfServer(ann)).toBe(SEED);
  });

  it.each<[string, unknown]>([
    ['no places', null],
    ['one place', { anchor: new Uint8Array(3) }],
    ['text', { anchor: 'a', head: 'b' }],
    ['places too large', { anchor: new Uint8Array(65), head: new Uint8Array(1) }],
  ])('refuses a caret with %s', async (_, payload) => {
    const ann = join();
    await isIn(ann);
    const refused = firstValueFrom(ann.workspace.channel.errors$);
    ann.workspace.channel.next(createMessage('document.caret', payload as never));
    expect(await refused).toMatchObject({ code: 'ERR_CHANNEL_REFUSED' });
  });

  it('refuses all else that a page might publish', async () => {
    const ann = join();
    await isIn(ann);
    const refused = firstValueFrom(ann.workspace.channel.errors$);
    ann.workspace.channel.next(createMessage('file.change', { path: '/x' } as never));
    expect(await refused).toMatchObject({ code: 'ERR_CHANNEL_REFUSED' });
  });
});
