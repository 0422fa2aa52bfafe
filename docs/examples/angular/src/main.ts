import { bootstrapApplication } from '@angular/platform-browser';
import { App } from './app/app';
import { createConfig } from './app/app.config';
import { takeSlot } from './app/tab-slot';

takeSlot()
  .then((slot) => bootstrapApplication(App, createConfig(slot)))
  .catch((error: unknown) => console.error(error));
