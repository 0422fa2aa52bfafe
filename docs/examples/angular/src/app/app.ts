import { Component } from '@angular/core';
import { ConnectionBar } from './connection-bar';
import { LogView } from './log-view';
import { NotesForm } from './notes-form';
import { People } from './people';

@Component({
  selector: 'app-root',
  imports: [ConnectionBar, LogView, NotesForm, People],
  template: `
    <header>
      <h1>Field notes</h1>
      <app-connection-bar />
    </header>
    <main>
      <app-notes-form />
      <div>
        <app-people />
        <app-log-view />
      </div>
    </main>
  `,
})
export class App {}
