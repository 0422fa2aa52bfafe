import {
  combineLatest,
  concat,
  distinctUntilChanged,
  EMPTY,
  filter,
  fromEvent,
  ignoreElements,
  map,
  merge,
  startWith,
  switchMap,
  timer,
  tap,
  of,
  type Observable,
} from 'rxjs';
import { conflateByKey, createMessage } from 'rxwire';
import { createRelativePositionFromTypeIndex, encodeRelativePosition, type Doc } from 'yjs';
import { textIn } from '../document.js';
import type { SharedWorkspace } from './workspace.js';

/** How long the others see a caret where it was, in ms. */
const INTERVAL = 60;

interface Selection {
  readonly anchor: number;
  readonly head: number;
}

/** Tells the others where the selection is: the latest place only, and only while somebody is there to see it. */
export function sendCaret(doc: Doc, source: HTMLTextAreaElement, { wire, channel }: SharedWorkspace): Observable<never> {
  const selection$ = merge(fromEvent(document, 'selectionchange'), fromEvent(source, 'selectionchange'), fromEvent(source, 'focus')).pipe(
    filter(() => document.activeElement === source),
    map(() => selectionOf(source)),
    distinctUntilChanged((a, b) => a.anchor === b.anchor && a.head === b.head),
  );
  // Who has just come in has seen nothing of it.
  const audience$ = channel.presence$.pipe(
    filter(({ members, entered }) => members.length > 1 || entered.length > 0),
    map(({ members }) => members.length),
    startWith(0),
  );
  const isIn$ = combineLatest([wire.state$, channel.state$]).pipe(
    map(([connection, { status }]) => connection.status === 'connected' && status === 'joined'),
    distinctUntilChanged(),
  );
  const send = ({ anchor, head }: Selection): void =>
    channel.next(createMessage('document.caret', { anchor: placeIn(doc, anchor), head: placeIn(doc, head) }, { delivery: 'at-most-once' }));

  return isIn$.pipe(
    switchMap((isIn) => (isIn ? combineLatest([selection$, audience$]) : EMPTY)),
    filter(([, audience]) => audience > 1),
    conflateByKey(
      () => source,
      // A caret is where it is when its turn has come.
      () => concat(of(source).pipe(map(selectionOf), tap(send)), timer(INTERVAL)),
    ),
    ignoreElements(),
  );
}

function selectionOf({ selectionStart, selectionEnd, selectionDirection }: HTMLTextAreaElement): Selection {
  return selectionDirection === 'backward'
    ? { anchor: selectionEnd, head: selectionStart }
    : { anchor: selectionStart, head: selectionEnd };
}

/** A place that moves with the text. */
function placeIn(doc: Doc, index: number): Uint8Array {
  return encodeRelativePosition(createRelativePositionFromTypeIndex(textIn(doc), index));
}
