import { show, type Import } from './imports.js';

/**
 * The house, from the ground up: a file imports from its own room and from the floors below. `operators/*` and `stores/*` are the folders inside of these two:
 * the operators that need a wire, and the stores that a wire does not need.
 */
export const floors: readonly (readonly string[])[] = [
  ['message'],
  ['operators', 'codec'],
  ['core', 'channels'],
  ['io'],
  ['stores'],
  ['wire'],
  ['operators/*'],
  ['server'],
  ['stores/*'],
  ['index', 'adapters'],
];

/** Folders of operators that need no wire: parts of the operators, and of all floors above. */
const PARTS = ['buffers', 'subscribing', 'timing'];

/** The room of a file: its folder, or its own name when it lies on top of lib/. */
export function roomOf(file: string): string {
  const [room = file, folder, ...below] = file.replace(/\.ts$/, '').split('/');
  const isUpstairs = below.length > 0 && (room === 'stores' || (room === 'operators' && !PARTS.includes(folder ?? '')));
  return isUpstairs ? `${room}/*` : room;
}

export const floorOf = (file: string): number => floors.findIndex((rooms) => rooms.includes(roomOf(file)));

function allowed(from: string, to: string): boolean {
  return roomOf(from) === roomOf(to) || floorOf(to) < floorOf(from);
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
