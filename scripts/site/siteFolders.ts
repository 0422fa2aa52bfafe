import { root } from '../support/run.js';

/** The files of the site that are generated. Git ignores all of them. */
const generated = `${root}.tmp/site/`;
export const pagesFolder = `${generated}pages/`;
export const htmlFolder = `${generated}html/`;
export const cacheFolder = `${generated}cache/`;
/** The sidebar of the API reference, as JSON. */
export const apiSidebarFile = `${generated}apiSidebar.json`;
/** The names of functions that an option, a field or a method has, too, as JSON. */
export const apiMembersFile = `${generated}apiMembers.json`;
