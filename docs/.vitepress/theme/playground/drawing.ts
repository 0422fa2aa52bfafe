import { NEVER } from 'rxjs';
import { recordMarble, renderMarbles } from 'rxwire/testing';
import { marblesOf, specOf, type Input, type Marbles, type Pipeline } from './playground.js';

/** The diagram of an input, or a sentence about its first mistake. */
export type Drawing = { readonly svg: string; readonly marbles: Marbles } | { readonly fault: string };

/** The latest end of a pipeline that does not end by itself, in ms: the page waits while it runs. */
const LAST_END = 2_000;

/** Runs a pipeline in virtual time, and draws what it does. Never throws. */
export function draw(name: string, { pipeline, outputs }: Pipeline, { lines, options }: Input): Drawing {
  const mistake = Object.entries(lines).flatMap(([line, marbles]) => mistakeOf(line, marbles) ?? [])[0];
  if (mistake !== undefined) return { fault: mistake };
  try {
    const recording = recordMarble(specOf(lines, outputs), pipeline(options as never) as never);
    const letters = Object.values(lines).join('');
    const marbles = marblesOf(recording, letters.toLowerCase() + letters.toUpperCase());
    const settings = Object.entries(options).map(([option, value]) => `${option}: ${value}`);
    const operator = `${name}(${settings.join(', ')})`;
    return { svg: renderMarbles(name, [{ title: 'Your marbles', ...recording, operator }]), marbles };
  } catch (error) {
    return { fault: sentence(error) };
  }
}

/** Returns a sentence about a line that is no valid marbles. */
function mistakeOf(name: string, marbles: string): string | undefined {
  const strange = /[^-\w\s|#^!().]/u.exec(marbles)?.[0];
  if (strange !== undefined) return `"${name}" contains "${strange}". Write letters, digits, and - | # ^ ! ( ).`;
  if (name !== 'unsub' && marbles.includes('!')) return `"${name}" contains "!", which ends a subscription. Write it in "unsub" only.`;
  const opened = marbles.replace(/[^()]/g, '');
  if (opened.replaceAll('()', '') !== '') return `"${name}" must close each "(" with a ")".`;
  try {
    const { lines } = recordMarble(name === 'unsub' ? { source: '', unsub: marbles } : { source: marbles }, () => NEVER);
    const end = lines.at(-1)?.windows[0]?.to ?? Infinity;
    return name === 'unsub' && end > LAST_END ? `"unsub" must contain "!" in its first ${LAST_END} ms.` : undefined;
  } catch (error) {
    return `"${name}": ${sentence(error)}`;
  }
}

function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const isNamed = /^\w+: /.test(text);
  return `${isNamed ? text : text.charAt(0).toUpperCase() + text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
