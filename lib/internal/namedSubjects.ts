import { defer, finalize, Subject, type Observable } from 'rxjs';

/** Subjects by name. Each exists while it has subscribers. */
export interface NamedSubjects<T> {
  /** Returns the Subject of a name, if it has subscribers. */
  readonly get: (name: string) => Subject<T> | undefined;
  /** Emits what the Subject of a name emits from the time of subscription on. */
  readonly of: (name: string) => Observable<T>;
  /** Removes and returns all Subjects. */
  readonly clear: () => readonly Subject<T>[];
}

export function createNamedSubjects<T>(): NamedSubjects<T> {
  const subjects = new Map<string, Subject<T>>();
  return {
    get: (name) => subjects.get(name),
    of: (name) =>
      defer(() => {
        const subject = subjects.get(name) ?? new Subject<T>();
        subjects.set(name, subject);
        return subject.pipe(
          finalize(() => {
            if (!subject.observed && subjects.get(name) === subject) subjects.delete(name);
          }),
        );
      }),
    clear() {
      const all = [...subjects.values()];
      subjects.clear();
      return all;
    },
  };
}
