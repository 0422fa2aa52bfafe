import { readProtocol } from './runner/document.js';
import { filesOf, load, type Item } from './runner/script.js';

const { sections, rows } = readProtocol();

/** The tables that say what an implementation must do. Those of sections 1 and 11 have terms and defaults. */
const TABLES = [
  '3',
  '4 hello',
  '4 welcome',
  '4 the server',
  '6',
  '6 rejections',
  '7',
  '15',
  '16 fields',
  '16 requests',
  '16 frames as bytes',
  '16 frames as events',
  '16 status codes',
];
/** The place of those files whose items do not name it. */
const PLACES: Readonly<Record<string, string>> = { 'resuming.json': '7', 'tokens.json': '4 the server.1' };
const OTHERS = ['fragments.json', 'closeCodes.json'];

const items = ['', 'both', 'server', 'client', 'http'].flatMap((folder) =>
  filesOf(folder)
    .filter((file) => !OTHERS.includes(file))
    .flatMap((file) => load<readonly Item[]>(file).map((item) => ({ ...item, file, section: PLACES[file] ?? item.section }))),
);

/** A section, the one around it, and its chapter. */
const placesOf = (section: string): readonly string[] => [section, section.replace(/\.\d+$/, ''), section.replace(/[ .].*$/, '')];

describe('spec/conformance', () => {
  it('names sections that docs/protocol.md has', () => {
    expect(items.filter(({ section }) => !sections.has(section)).map(({ file, section, name }) => [file, section, name])).toEqual([]);
  });

  it('names rows that the tables of docs/protocol.md have', () => {
    const unknown = items.flatMap(({ file, section, rows: named = [] }) =>
      named.filter((row) => !placesOf(section).some((place) => rows.get(place)?.includes(row))).map((row) => [file, section, row]),
    );
    expect(unknown).toEqual([]);
  });

  it.each(TABLES)('shows each row of the table in section %s', (section) => {
    const shown = new Set(items.filter((item) => placesOf(item.section).includes(section)).flatMap((item) => item.rows ?? []));
    // The offsets of section 3 are those of one frame: vectors in hex hold them all.
    const wanted = rows.get(section)!.filter((row) => section !== '3' || row.startsWith('['));
    expect(wanted).not.toHaveLength(0);
    expect(wanted.filter((row) => !shown.has(row))).toEqual([]);
  });

  it('shows each row of the table of close codes', () => {
    const codes = load<readonly { readonly code: number }[]>('closeCodes.json').map(({ code }) => String(code));
    expect(codes).toEqual(rows.get('9 close codes'));
  });

  it('says of each item whether it is a must, a should or a may', () => {
    const levels = items.filter(({ file }) => !(file in PLACES)).map(({ level }) => level);
    expect(new Set(levels)).toEqual(new Set(['must', 'should', 'may']));
  });

  it('has no two scripts of one name in a file', () => {
    const names = items.map(({ file, section, name }) => `${file}: ${section}: ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
  });
});
