import {
  catchError,
  defer,
  exhaustMap,
  from,
  fromEvent,
  ignoreElements,
  map,
  merge,
  of,
  switchMap,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import { byId, setText, the } from './dom.js';

/** How long the hint stays, in ms. */
const SHOWN = 4_000;

/** Copies the address of the workspace; where the clipboard refuses that, shows it to be copied by hand. */
export function shareAddress(): Observable<never> {
  const address = the('share-address', HTMLInputElement);
  const copied$ = fromEvent(byId('share'), 'click').pipe(
    exhaustMap(() =>
      defer(() => from(navigator.clipboard.writeText(location.href))).pipe(
        map(() => true),
        catchError(() => of(false)),
      ),
    ),
    tap((isCopied) => {
      show(isCopied ? 'Address copied. Whoever opens it edits this program with you.' : 'Copy this address:', !isCopied);
      if (isCopied) return;
      address.value = location.href;
      address.focus();
      address.select();
    }),
    switchMap((isCopied) => (isCopied ? timer(SHOWN) : fromEvent(address, 'blur'))),
    tap(() => show('')),
  );
  const left$ = fromEvent<KeyboardEvent>(address, 'keydown').pipe(tap(({ key }) => key === 'Escape' && byId('share').focus()));
  return merge(copied$, left$).pipe(ignoreElements());
}

function show(text: string, byHand = false): void {
  byId('share-hint').dataset['shown'] = String(text !== '');
  the('share-address', HTMLInputElement).hidden = !byHand;
  setText(byId('share-text'), text);
}
