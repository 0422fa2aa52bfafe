import { existsSync, readFileSync } from 'node:fs';
import type { SidebarItem } from '../../../scripts/site/navigation.js';
import { apiSidebarFile } from '../../../scripts/site/siteFolders.js';

/** The entry points of the API reference, each with its exports in groups. */
declare const data: readonly SidebarItem[];
export { data };

export default {
  load: (): unknown => (existsSync(apiSidebarFile) ? JSON.parse(readFileSync(apiSidebarFile, 'utf8')) : []),
};
