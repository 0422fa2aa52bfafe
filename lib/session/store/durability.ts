/** What a client's session does for stores that outlive the process: `durable` is the one there is. Who has no such store does not load it. */
export interface Durability {
  readonly kind: 'durable';
}
