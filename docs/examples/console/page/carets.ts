import { animationFrameScheduler, auditTime, fromEvent, ignoreElements, merge, tap, using, type Observable } from 'rxjs';
import { ofType, type Message } from 'rxwire';
import { createAbsolutePositionFromRelativePosition, decodeRelativePosition, type Doc, type RelativePosition } from 'yjs';
import { ROOT } from '../document.js';
import { drawCaret, type DrawnCaret } from './caretLayer.js';
import { sendCaret } from './caretSync.js';
import type { Editor } from './editor.js';
import { peopleOf } from './person.js';
import type { SharedWorkspace } from './workspace.js';

/** Carets shown at once. */
const MAX_CARETS = 50;

interface Caret {
  readonly anchor: RelativePosition;
  readonly head: RelativePosition;
  readonly drawn: DrawnCaret;
}

/** Shows the carets and selections of the others, and tells them where the own one is. */
export function showCarets(doc: Doc, editor: Editor, workspace: SharedWorkspace): Observable<never> {
  const { channel } = workspace;
  const carets = new Map<string, Caret>();
  let me: string | undefined;
  let present: readonly string[] = [];

  const remove = (id: string): void => {
    carets.get(id)?.drawn.remove();
    carets.delete(id);
  };
  const dress = (): void => {
    const people = peopleOf([...present, ...carets.keys()]);
    for (const [id, { drawn }] of carets) drawn.dress(people.get(id));
  };
  const take = ({ source: id, payload }: Message<'document.caret'>): void => {
    const [anchor, head] = [placeOf(payload.anchor), placeOf(payload.head)];
    if (id === me || !anchor || !head || (!carets.has(id) && carets.size >= MAX_CARETS)) return;
    const known = carets.get(id)?.drawn;
    const drawn = known ?? drawCaret();
    carets.set(id, { anchor, head, drawn });
    if (!known) dress();
    drawn.announce();
  };
  const draw = (): void => {
    for (const { anchor, head, drawn } of carets.values()) drawn.move(indexOf(doc, anchor), indexOf(doc, head));
  };

  const taken$ = channel.pipe(ofType('document.caret'), tap(take));
  // Whoever has left before this page came in has none here; whoever leaves has none any more.
  const present$ = channel.presence$.pipe(
    tap(({ members }) => {
      present = members.map(({ id }) => id);
      [...carets.keys()].filter((id) => !present.includes(id)).forEach(remove);
      dress();
    }),
  );
  const me$ = channel.state$.pipe(tap(({ member }) => void (me = member)));
  const drawn$ = merge(taken$, editor.painted$, fromEvent(window, 'resize')).pipe(auditTime(0, animationFrameScheduler), tap(draw));

  return using(
    () => ({ unsubscribe: () => [...carets.keys()].forEach(remove) }),
    () => merge(me$, present$, drawn$, sendCaret(doc, editor.source, workspace)).pipe(ignoreElements()),
  );
}

/** A place in the text, if it is one: it is another page's word. */
function placeOf(bytes: Uint8Array): RelativePosition | undefined {
  try {
    const place = decodeRelativePosition(bytes);
    return place.item || place.tname === ROOT ? place : undefined;
  } catch {
    return undefined;
  }
}

/** Where it is now; nowhere, while the edit that it belongs to is on its way. */
function indexOf(doc: Doc, place: RelativePosition): number | undefined {
  return createAbsolutePositionFromRelativePosition(place, doc)?.index;
}
