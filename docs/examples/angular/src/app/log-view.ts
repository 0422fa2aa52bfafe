import { Component } from '@angular/core';
import { sentenceOf } from 'rxwire';
import { injectChannel } from 'rxwire/angular';
import { APP_WIRE } from './app-wire';
import type { AppMessages } from './messages';

/** Follows a stream from its start. After a reload, a cut or a crash of the server it has each line once. */
@Component({
  selector: 'app-log-view',
  template: `
    <h2>Log of the server</h2>
    @if (log.state().error; as error) {
      <p class="hint">{{ sentenceOf(error) }}</p>
    }
    <div class="scroll" role="region" aria-label="Lines" tabindex="0">
      <ol>
        @for (line of log.messages(); track line.id) {
          <li>
            <b>{{ line.payload.number }}</b> {{ line.payload.text }}
          </li>
        }
      </ol>
    </div>
  `,
})
export class LogView {
  protected readonly sentenceOf = sentenceOf;
  protected readonly log = injectChannel<Pick<AppMessages, 'log.line'>>('log', {
    token: APP_WIRE,
    from: 'start',
    keep: 500,
  });
}
