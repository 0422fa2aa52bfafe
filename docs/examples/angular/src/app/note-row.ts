import { Component, computed, input } from '@angular/core';
import { sentenceOf, type ReceiptStatus } from 'rxwire';
import { injectReceipt } from 'rxwire/angular';
import { APP_WIRE } from './app-wire';
import type { Note } from './notes-store';

/** The word for each status of a message. */
const STEPS: Readonly<Record<ReceiptStatus, string>> = {
  queued: 'queued',
  stored: 'queued',
  sent: 'sent',
  acked: 'done',
  refused: 'failed',
  expired: 'failed',
  dead: 'failed',
};

/** A note, and how far it has come. */
@Component({
  selector: 'app-note-row',
  template: `
    <span class="text">{{ note().text }}</span>
    <span class="step {{ step() }}" [title]="hint()">{{ step() }}</span>
  `,
})
export class NoteRow {
  readonly note = input.required<Note>();
  private readonly receipt = injectReceipt(() => {
    const { id, isSaved } = this.note();
    return isSaved ? undefined : id;
  }, APP_WIRE);

  protected readonly step = computed(() =>
    this.note().isSaved ? STEPS.acked : STEPS[this.receipt()?.status ?? 'queued'],
  );
  protected readonly hint = computed(() => {
    const { status, error } = this.receipt() ?? {};
    if (status === 'stored') return 'kept on this device';
    return error ? sentenceOf(error) : '';
  });
}
