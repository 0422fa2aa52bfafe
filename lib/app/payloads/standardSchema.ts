/** What validators have in common (https://standardschema.dev, version 1): a schema of zod, valibot, arktype and others is one. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** What a schema makes of a value, or what is wrong with it. */
export type SchemaResult<Out> = { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string;
  /** Where, from the payload on. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The payload that a schema lets through. */
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer Out> ? Out : never;
