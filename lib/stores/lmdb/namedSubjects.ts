import { defer, finalize, Subject, type Observable } from 'rxjs';

/** Creates Subjects by name. Each exists while it has subscribers. */
export function createNamedSubjects<T>() {
  const subjects = new Map<string, Subject<T>>();
  return {
    get: (name: string): Subject<T> | undefined => subjects.get(name),
    of: (name: string): Observable<T> =>
      defer(() => {
        const subject = subjects.get(name) ?? new Subject<T>();
        subjects.set(name, subject);
        return subject.pipe(
          finalize(() => {
            if (!subject.observed && subjects.get(name) === subject) subjects.delete(name);
          }),
        );
      }),
    /** Removes and returns all Subjects. */
    clear(): readonly Subject<T>[] {
      const all = [...subjects.values()];
      subjects.clear();
      return all;
    },
  };
}
