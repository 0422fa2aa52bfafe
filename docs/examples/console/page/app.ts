import { catchError, defer, EMPTY, exhaustMap, filter, fromEvent, map, merge, of, startWith, tap } from 'rxjs';
import { connect, msgpack, webSocket } from 'rxwire';
import { showConnection } from './connection.js';
import { byId, make, setText, the } from './dom.js';
import { editTogether } from './document.js';
import { createEditor } from './editor.js';
import { entry, eventsOf } from './events.js';
import { showFiles } from './files.js';
import { showLatency } from './latency.js';
import { showPeople } from './people.js';
import { showRuns } from './program.js';
import { showResources } from './resources.js';
import { samples } from './samples.js';
import { shareAddress } from './share.js';
import { addEntry } from './timeline.js';
import { openWorkspace, workspaceName } from './workspace.js';

/** Names this page, so that the server knows which connection to cut. */
const id = crypto.randomUUID();

const wire = connect({
  link: webSocket(`ws://${location.host}/wire?console=${id}`),
  codec: msgpack(),
  delivery: 'at-least-once',
  // Without chance: one page has nobody to keep out of step with.
  reconnect: { initialInterval: 1_000, maxInterval: 5_000, jitter: 0 },
});

if (/Mac|iPhone|iPad/.test(navigator.platform)) setText(byId('run-hint'), '⌘ + Enter');

const editor = createEditor();
const picker = the('example', HTMLSelectElement);
picker.append(make('option', 'Examples'), ...samples.map(({ title }) => make('option', title)));
/** The text is everybody's: what the picker says would soon be wrong. */
const examples$ = fromEvent(picker, 'change').pipe(
  map(() => samples[picker.selectedIndex - 1]?.code),
  filter((code) => code !== undefined),
  tap(() => (picker.selectedIndex = 0)),
);

showConnection(wire);
showLatency(wire);
const workspace = openWorkspace(wire, workspaceName());

showRuns(wire, editor, workspace.id).subscribe((delivery) => {
  for (const name of ['received', 'lost', 'doubled'] as const) {
    const counter = byId(name);
    setText(counter, delivery[name].toLocaleString('en'));
    if (name !== 'received') counter.dataset['good'] = String(delivery[name] === 0);
  }
});

/** `POST /cut` breaks the connection where the server has it: to both ends it looks like an accident. */
const cuts$ = fromEvent(byId('cut'), 'click').pipe(
  exhaustMap(() =>
    defer(() => fetch(`/cut?console=${id}`, { method: 'POST' })).pipe(
      filter(({ ok }) => !ok),
      map(() => entry('bad', 'There was nothing to cut')),
      catchError(() => of(entry('bad', 'The server does not answer'))),
      startWith(entry('bad', 'You cut the connection')),
    ),
  ),
);
// Who closes the page has left; without a word, it might be back at any moment.
fromEvent(window, 'pagehide').subscribe(() => wire.complete());
// The address says which workspace this is: another is another page. One that a browser has kept has said goodbye.
const kept$ = fromEvent<PageTransitionEvent>(window, 'pageshow').pipe(filter(({ persisted }) => persisted));
merge(fromEvent(window, 'hashchange'), kept$).subscribe(() => location.reload());
merge(showPeople(workspace.channel).pipe(catchError(() => EMPTY)), shareAddress()).subscribe();
merge(...[cuts$, eventsOf(wire), showFiles(workspace), showResources(workspace)], editTogether(editor, workspace, examples$)).subscribe(
  addEntry,
);
