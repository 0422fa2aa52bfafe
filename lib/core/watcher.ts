/** The application, as far as it waits for what becomes of its messages. */
export interface Watcher {
  /** Returns whether the application waits for acks. */
  isWatched(): boolean;
  /** Returns whether it waits for earlier steps of its messages, too. */
  followsSteps(): boolean;
}
