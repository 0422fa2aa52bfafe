import { catchError, EMPTY, filter, fromEvent, map, merge, share, tap } from 'rxjs';
import { connect, inspected, msgpack } from 'rxwire';
import { linkFaults } from 'rxwire/testing';
import { showAssistant } from './assistant.js';
import { showConnection } from './connection.js';
import { byId, make, setText, the } from './dom.js';
import { editTogether } from './document.js';
import { createEditor } from './editor.js';
import { eventsOf } from './events.js';
import { createFaultPanel } from './faultPanel.js';
import { faultEvents } from './faults.js';
import { showFiles } from './files.js';
import { createInspector } from './inspector.js';
import { showLatency } from './latency.js';
import { showPeople } from './people.js';
import { showRuns } from './program.js';
import { createRecovery } from './recovery.js';
import { showResources } from './resources.js';
import { samples } from './samples.js';
import { shareAddress } from './share.js';
import { addEntry } from './timeline.js';
import { createTransports } from './transports.js';
import { openWorkspace, workspaceName } from './workspace.js';

/** Names this page, so that the server knows which connection to cut. */
const id = crypto.randomUUID();

const codec = msgpack();
const faults = linkFaults();
const transports = createTransports(`ws://${location.host}/wire?console=${id}`);
const inspector = createInspector();
const recovery = createRecovery();

// The inspector sees what the session sends, and what the faults let through.
const link = inspected(faults.layer(transports.link), {
  codec,
  onFrame(frame) {
    recovery.onFrame(frame);
    inspector.onFrame(frame);
  },
  onConnection(event) {
    recovery.onConnection(event);
    inspector.onConnection(event);
  },
});

const wire = connect({
  link,
  codec,
  delivery: 'at-least-once',
  // Without chance: one page has nobody to keep out of step with.
  reconnect: { initialInterval: 1_000, maxInterval: 2_000, jitter: 0 },
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

/** `POST /cut` breaks the connection where the server has it: to both ends it looks like an accident. */
const cut = async (): Promise<boolean> => (await fetch(`/cut?console=${id}`, { method: 'POST' })).ok;

showConnection(wire);
showLatency(wire);
inspector.watch(wire);
const workspace = openWorkspace(wire, workspaceName());

const faultEvents$ = faultEvents({ wire, faults, transports, cut }).pipe(share());
const panel = createFaultPanel(wire, faults, faultEvents$);
panel.changes$.subscribe();
showRuns(wire, editor, workspace.id, recovery).subscribe(panel.showDelivery);

// A user who closes the page has left. Without a word, the page might be back at any moment, and
// the wire may have no time to drain: so it leaves the workspace first.
fromEvent(window, 'pagehide').subscribe(() => {
  workspace.channel.complete();
  wire.complete();
});
// The address says which workspace this is: another is another page. One that a browser has kept has said goodbye.
const kept$ = fromEvent<PageTransitionEvent>(window, 'pageshow').pipe(filter(({ persisted }) => persisted));
merge(fromEvent(window, 'hashchange'), kept$).subscribe(() => location.reload());
merge(showPeople(workspace.channel).pipe(catchError(() => EMPTY)), shareAddress(), showAssistant(workspace)).subscribe();
merge(
  faultEvents$.pipe(map(({ entry }) => entry)),
  eventsOf(wire, recovery),
  showFiles(workspace),
  showResources(workspace),
  editTogether(editor, workspace, examples$),
).subscribe(addEntry);
