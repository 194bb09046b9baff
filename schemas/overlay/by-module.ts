/** A table keyed by module of `kubernetes-types` (`core/v1`), then by type, as all overlay tables are. */
export type ByModule<Row> = Readonly<Record<string, Readonly<Record<string, Row>>>>;
