/**
 * The common interface of validators (https://standardschema.dev, version 1). Schemas of zod,
 * valibot, arktype and others implement it.
 */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** The validated value, or the issues. */
export type SchemaResult<Out> = { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One issue of a value. */
export interface SchemaIssue {
  readonly message: string;
  /** The path from the payload to the invalid value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of a validated payload. */
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer Out> ? Out : never;
