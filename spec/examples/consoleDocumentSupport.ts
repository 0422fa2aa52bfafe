import { asapScheduler, Subject, type Subscription } from 'rxjs';
import type { Doc } from 'yjs';
import { createDocument, textIn } from '../../docs/examples/console/document.js';
import { syncDocument } from '../../docs/examples/console/page/documentSync.js';
import { openWorkspace, type SharedWorkspace } from '../../docs/examples/console/page/workspace.js';
import { connect, msgpack, webSocket } from '../../lib/index.js';

/** Somebody who edits, without a page. */
export interface Person {
  readonly name: string;
  readonly doc: Doc;
  readonly workspace: SharedWorkspace;
  /** What its document cannot bring to the others. */
  readonly failed: Promise<unknown>;
  readonly hold$: Subject<boolean>;
  readonly text: () => string;
  readonly write: (at: number, text: string) => void;
  readonly erase: (at: number, length: number) => void;
  /** Breaks its connection, where the server has it. */
  readonly cut: () => Promise<number>;
  readonly leave: () => void;
}

let people = 0;

export function createPerson(url: string, id: string): Person {
  const name = `person-${++people}`;
  const wire = connect({
    link: webSocket(`${url.replace('http', 'ws')}/wire?console=${name}`),
    codec: msgpack(),
    delivery: 'at-least-once',
    reconnect: { initialInterval: 20, maxInterval: 100 },
  });
  const doc = createDocument();
  const text = textIn(doc);
  const workspace = openWorkspace(wire, id);
  const hold$ = new Subject<boolean>();
  let syncing: Subscription | undefined;
  const failed = new Promise((resolve) => {
    syncing = syncDocument(doc, workspace, { hold$, scheduler: asapScheduler }).subscribe({ error: resolve });
  });
  return {
    ...{ name, doc, workspace, failed, hold$ },
    text: () => text.toJSON(),
    write: (at, words) => text.insert(Math.min(at, text.length), words),
    erase: (at, length) => text.delete(Math.min(at, text.length), Math.min(length, text.length - Math.min(at, text.length))),
    cut: async () => (await fetch(`${url}/cut?console=${name}`, { method: 'POST', headers: { origin: url } })).status,
    leave() {
      syncing?.unsubscribe();
      wire.unsubscribe();
    },
  };
}
