import type { Page } from 'playwright-core';
import { isOfFirefox } from './launch.js';

/** Opens the console in a page that is open, and waits until it is connected. */
export async function visit(page: Page, url: string, complaints: string[]): Promise<Page> {
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', ({ message }) => isOfFirefox(message) || complaints.push(message));
  await page.goto(url);
  await page.locator('#state').filter({ hasText: 'Connected' }).waitFor();
  return page;
}
