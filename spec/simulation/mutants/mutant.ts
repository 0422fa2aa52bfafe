/** A deliberate fault in the protocol. */
export interface Mutant {
  readonly name: string;
  /** The rule that it breaks. */
  readonly why: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The first seed to run, where few seeds show the fault. @default 1 */
  readonly from?: number;
}
