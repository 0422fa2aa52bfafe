/** The beginning of the hash of a link to a playground. The input of the reader follows. */
export function linkMarker(name: string): string {
  return `#try-${name}?`;
}
