/** The page of browser.spec.ts: does what cases.ts says, with what the browser has. */
import { cases, type Setting } from './cases.js';

/** Resolves with what has gone wrong. */
async function run(name: string, setting: Setting): Promise<string | undefined> {
  try {
    await cases[name]!(setting);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  }
}

declare global {
  interface Window {
    readonly runCase: typeof run;
  }
}

Object.assign(window, { runCase: run });
