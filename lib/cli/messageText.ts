import { timeOfDay } from './timeOfDay.js';
import type { Message } from '../message/types.js';
import type { CommandContext } from './commandContext.js';
import { jsonLine, printable } from './printable.js';

/** Returns a message as a line for a person: its time, type, source and payload. */
export function messageText({ timestamp, type, source, payload }: Message, style: CommandContext['style']): string {
  const text = typeof payload === 'string' ? printable(payload) : jsonLine(payload);
  return [style('gray', timeOfDay(timestamp)), style('cyan', printable(type)), style('gray', printable(source)), text].join('  ');
}
