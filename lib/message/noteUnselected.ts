import type { Observable } from 'rxjs';
import { editDistance } from './editDistance.js';
import { escapeControls } from './escapeControls.js';
import { isProtocolType } from './isProtocolType.js';
import { later, warn, WITHIN } from './warnOnce.js';

/** The types that a subscriber selects. */
interface SelectedTypes {
  readonly patterns$: Observable<readonly (string | RegExp)[]>;
  readonly has: (type: string) => boolean;
}

/** The subscribers of a wire. */
interface WireSubscribers {
  /** The types of those that select types. */
  readonly types: ReadonlyMap<object, SelectedTypes> | undefined;
  /** A server's wire has `onHandlerFailure`. A wire that was unsubscribed has no `observers`. */
  readonly wire: { readonly observers: readonly object[] | null; readonly onHandlerFailure?: unknown };
}

/** The maximum number of types in the sets below. */
const MAX_SELECTED = 1_000;
const MAX_UNSELECTED = 100;
/** The maximum number of types, and of their characters, that one type is compared with. */
const MAX_COMPARED = 100;
const MAX_COMPARED_LENGTH = 32;
/** The maximum number of characters of a type that are printed. */
const MAX_PRINTED_LENGTH = 100;

/** The types and patterns that subscribers of any wire have selected. */
const selected = new Set<string>();
/** The types that have arrived, and no subscriber had selected: the other side chooses them. */
const unselected = new Set<string>();

/** A subscriber selects types. */
export function noteSelected(types: SelectedTypes): void {
  if (selected.size < MAX_SELECTED) for (const pattern of patternsOf([types])) selected.add(pattern);
}

/**
 * A wire has emitted a message. Warns if its type is likely to be misspelt: no subscriber has
 * handled it, and 5 s later none selects it, or has selected it before. At a client, the type must
 * also differ from a selected one by one character, because a page may ignore what it does not
 * show. The same applies to requests, whose senders receive an error.
 *
 * @param observers The subscribers that have received it.
 */
export function noteUnselected(
  message: { readonly type: string; readonly metadata?: { readonly request?: boolean } },
  observers: readonly object[],
  subscribers: WireSubscribers,
  context: { readonly current: { readonly unhandled: unknown } | undefined },
  isInternal: (observer: object) => boolean,
): void {
  const { type, metadata } = message;
  const { types, wire } = subscribers;
  if (!types?.size || context.current?.unhandled === false || unselected.size >= MAX_UNSELECTED || unselected.has(type)) return;
  if (isSelected(type, observers, subscribers, isInternal) || isProtocolType(type)) return;
  unselected.add(type);
  const patterns = patternsOf([...types.values()]).filter((pattern) => !isProtocolType(pattern));
  later(WITHIN, () => {
    if (selected.size >= MAX_SELECTED || !wire.observers || isSelected(type, wire.observers, subscribers, isInternal)) return;
    if ([...selected].some((pattern) => isMatch(type, pattern))) return;
    const nearest = nearestPattern(type, patterns);
    if (!nearest?.isLikely && (metadata?.request || wire.onHandlerFailure === undefined)) return;
    const suggestion = nearest ? `: the nearest that one selects is "${printable(nearest.pattern)}"` : '';
    warn(
      'WARN_TYPE_NOT_SELECTED',
      `a message of type "${printable(type)}" has arrived, and no subscriber of the wire selects this type${suggestion}`,
    );
  });
}

function isSelected(
  type: string,
  observers: readonly object[],
  { types }: WireSubscribers,
  isInternal: (observer: object) => boolean,
): boolean {
  for (const observer of observers) if (types?.get(observer)?.has(type) ?? !isInternal(observer)) return true;
  return false;
}

/** Returns the present patterns, without regular expressions. */
function patternsOf(types: readonly SelectedTypes[]): readonly string[] {
  const found: string[] = [];
  for (const { patterns$ } of types)
    patterns$.subscribe((patterns) => found.push(...patterns.filter((one) => typeof one === 'string'))).unsubscribe();
  return found;
}

/** Returns whether a pattern may match a type: compares the text before its first `*`. */
function isMatch(type: string, pattern: string): boolean {
  const star = pattern.indexOf('*');
  return star < 0 ? type === pattern : type.startsWith(pattern.slice(0, star));
}

interface Nearest {
  readonly pattern: string;
  readonly share: number;
  readonly isLikely: boolean;
}

/** Returns the pattern of which the smallest share of characters differs from a type. */
function nearestPattern(type: string, patterns: readonly string[]): Nearest | undefined {
  let best: Nearest | undefined;
  for (const pattern of patterns.slice(0, MAX_COMPARED)) {
    const found = compare(type, pattern);
    if (!best || found.share < best.share) best = found;
  }
  return best;
}

/** Compares a type with a pattern: the segments that differ, up to the first `*`. */
function compare(type: string, pattern: string): Nearest {
  const star = pattern.indexOf('*');
  const typed = segmentsOf(star < 0 ? type : type.slice(0, star));
  const known = segmentsOf(star < 0 ? pattern : pattern.slice(0, star));
  const isAligned = typed.length === known.length;
  const from = typed.filter((segment, index) => !isAligned || segment !== known[index]).join('.');
  const to = known.filter((segment, index) => !isAligned || segment !== typed[index]).join('.');
  const distance = editDistance(from.slice(0, MAX_COMPARED_LENGTH), to.slice(0, MAX_COMPARED_LENGTH));
  const length = Math.max(1, from.length, to.length);
  const isLikely = distance <= 1 && length <= MAX_COMPARED_LENGTH && !areOnPurpose(from, to);
  return { pattern, share: distance / length, isLikely };
}

function segmentsOf(type: string): readonly string[] {
  return type.toLowerCase().split('.');
}

/** Returns whether two similar names differ on purpose: by a number, or as `get` and `set`. */
function areOnPurpose(one: string, other: string): boolean {
  if (one === other) return false;
  if (one.replace(/\d/g, '') === other.replace(/\d/g, '')) return true;
  return other.length < 3 || (other.length < 4 && sorted(one) !== sorted(other));
}

function sorted(text: string): string {
  return Array.from(text).sort().join('');
}

function printable(type: string): string {
  return escapeControls(type.length > MAX_PRINTED_LENGTH ? `${type.slice(0, MAX_PRINTED_LENGTH)}…` : type);
}
