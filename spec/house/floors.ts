import { show, type Import } from './imports.js';

/** The house, from the ground up: a file imports from its own folder and from the floors below. */
export const floors: readonly (readonly string[])[] = [
  ['errors'],
  ['message', 'internal'],
  ['operators', 'codec'],
  ['core'],
  ['link'],
  ['session'],
  ['envelope'],
  ['wire'],
  ['app'],
  [
    'index',
    'server',
    'indexeddb',
    'protobuf',
    'node',
    'metrics',
    'opentelemetry',
    'prometheus',
    'angular',
    'react',
    'vue',
    'ai',
    'nats',
    'postgres',
  ],
  // The kit for tests and the command have both ends of a connection.
  ['testing', 'cli'],
];

/**
 * The room of a file: its folder, or its own name when it lies on top of lib/. The older protocol has folders on several floors: what it adds to `wire` and to
 * `server` belongs to those rooms.
 */
export const roomOf = (file: string): string =>
  file
    .replace(/\.ts$/, '')
    .replace(/^envelope\/(?=(wire|server)\/)/, '')
    .split('/')[0] ?? file;

export const floorOf = (file: string): number => floors.findIndex((rooms) => rooms.includes(roomOf(file)));

/** On the ground, what travels and the helpers may see one another; upstairs, neighbours may not. */
const ground = floorOf('message');

function allowed(from: string, to: string): boolean {
  return roomOf(from) === roomOf(to) || floorOf(to) < floorOf(from) || (floorOf(from) === ground && floorOf(to) === ground);
}

/** Imports that go up, or to another room of the same floor. */
export function climbing(imports: readonly Import[]): readonly string[] {
  return imports
    .filter(({ from, file }) => file !== undefined && !allowed(from, file))
    .map((one) => `${show(one)}: ${roomOf(one.from)} (floor ${floorOf(one.from)}) may import only from floors below`);
}

/** Circles of files that import one another, each once, in a fixed order. */
export function cycles(imports: readonly Import[]): readonly string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, file } of imports) if (file !== undefined) next.set(from, (next.get(from) ?? new Set()).add(file));
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.add([...path.slice(path.indexOf(file)), file].join(' → '));
    if (path.includes(file) || done.has(file)) return;
    for (const target of next.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of [...next.keys()].sort()) walk(file, []);
  return [...found];
}
