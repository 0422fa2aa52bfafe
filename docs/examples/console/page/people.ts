import { combineLatest, distinctUntilChanged, filter, ignoreElements, map, tap, type Observable } from 'rxjs';
import type { Channel } from 'rxwire';
import { byId, make } from './dom.js';
import { peopleOf, type Person } from './person.js';

/** Shown at most; how many more there are is a number. */
const MAX_SHOWN = 4;

/** Shows who is in the workspace, this page first. */
export function showPeople({ presence$, state$ }: Channel): Observable<never> {
  const me$ = state$.pipe(
    map(({ member }) => member),
    filter((member) => member !== undefined),
    distinctUntilChanged(),
  );
  return combineLatest([presence$, me$]).pipe(
    map(([{ members }, me]) => [me, ...members.map(({ id }) => id).filter((id) => id !== me)]),
    tap(draw),
    ignoreElements(),
  );
}

function draw([me = '', ...others]: readonly string[]): void {
  const people = peopleOf([me, ...others]);
  const chips = [...people.values()]
    .sort((a, b) => Number(b.id === me) - Number(a.id === me))
    .slice(0, MAX_SHOWN)
    .map((person) => chipOf(person, person.id === me));
  const more = others.length + 1 - chips.length;
  if (more > 0) chips.push(chip(`+${more}`, `${more} more`));
  byId('people').replaceChildren(...chips);
}

function chipOf({ initials, name, hue }: Person, isMe: boolean): HTMLElement {
  const made = chip(initials, isMe ? `${name} (you)` : name);
  made.classList.add('who');
  made.dataset['you'] = String(isMe);
  made.style.setProperty('--hue', String(hue));
  return made;
}

/** Letters for the eye, words for who points at them or listens. */
function chip(letters: string, words: string): HTMLElement {
  const made = make('li', '');
  const shown = make('span', letters);
  shown.ariaHidden = 'true';
  made.append(shown, make('span', words, 'hidden'));
  made.title = words;
  return made;
}
