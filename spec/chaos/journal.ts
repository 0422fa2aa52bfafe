import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Delivery } from '../../lib/index.js';

/**
 * What a sender knows of a message: that it was given to the wire, that the outbox has it, what became of it. `fenced`: it was not stored, as another
 * server has the client.
 */
export type Note = 'offered' | 'sent' | 'acked' | 'expired' | 'dead' | 'fenced';

const LETTERS: Readonly<Record<Delivery, string>> = { 'at-most-once': 'm', 'at-least-once': 'l', 'exactly-once': 'e' };
export const LEVELS = Object.keys(LETTERS) as readonly Delivery[];

/** A message, by the life of the sender in which it was made, and its number among those of its level. */
export interface Name {
  readonly life: number;
  readonly level: Delivery;
  readonly number: number;
}

export function nameOf({ life, level, number }: Name): string {
  return `${life}.${LETTERS[level]}.${number}`;
}

export function parseName(name: string): Name {
  const [life, letter, number] = name.split('.');
  return { life: Number(life), level: LEVELS.find((level) => LETTERS[level] === letter)!, number: Number(number) };
}

/** What is written here is there after a `kill -9`. */
export interface Journal {
  /** Is there at the end of the current turn, or when {@link Journal.flush} returns. */
  note(note: Note, name: string): void;
  flush(): void;
}

export function createJournal(folder: string, life: number): Journal {
  const file = openSync(join(folder, `${life}.journal`), 'a');
  let lines = '';
  const flush = (): void => {
    if (lines !== '') writeSync(file, lines);
    lines = '';
  };
  return {
    flush,
    note(what, name) {
      if (lines === '') queueMicrotask(flush);
      lines += `${what} ${name} ${Date.now()}\n`;
    },
  };
}

export interface Entry {
  readonly note: Note;
  readonly name: string;
  /** In ms since the epoch. */
  readonly at: number;
}

/** What all lives of a sender have written down, in order. */
export function readJournals(folder: string): readonly Entry[] {
  const lives = readdirSync(folder).flatMap((file) => (file.endsWith('.journal') ? [parseInt(file)] : []));
  return lives
    .sort((a, b) => a - b)
    .flatMap((life) =>
      readFileSync(join(folder, `${life}.journal`), 'utf8')
        .split('\n')
        .slice(0, -1),
    )
    .map((line) => {
      const [note, name = '', at] = line.split(' ');
      return { note: note as Note, name, at: Number(at) };
    });
}
