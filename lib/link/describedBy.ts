import type { DescribedLink, Frame, Link } from './link.js';

/**
 * Makes a link describe itself as another one does, now and whenever that changes.
 * @param described
 * Returns the other link, if there is one.
 */
export function describedBy(link: Link<Frame>, described: () => DescribedLink | undefined): Link<Frame> & DescribedLink {
  const describe = (name: keyof DescribedLink): PropertyDescriptor => ({ enumerable: true, get: () => described()?.[name] });
  return Object.defineProperties(link, { protocol: describe('protocol'), endpoint: describe('endpoint') });
}
