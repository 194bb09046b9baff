/**
 * A `Kind` is described once, as data. The API server, OpenAPI, tables, validation, apply and
 * `gantry validate` all follow from it. One file per kind under `kinds/`, listed in
 * `kinds/index.ts`; custom resources become kinds at run time.
 */
import type { FieldError } from "./field-error.ts";
import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema/schema.ts";

/** Names one served resource: all that a client needs to address it. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Lower-case plural, as in URLs. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never present at run time: carries the object's type to `client.get(pods, …)`. */
  readonly _object?: T;
}

export interface Kind<T extends KubeObject = KubeObject> extends Resource<T> {
  readonly singular: string;
  readonly shortNames?: readonly string[];
  /** E.g. `all`, for `kubectl get all`. */
  readonly categories?: readonly string[];
  readonly schema: Schema;
  readonly subresources?: Subresources;
  readonly columns: readonly PrinterColumn<T>[];
  /** Field selectors beyond `metadata.name` and `metadata.namespace`, with how to read each. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>;
  readonly strategy: Strategy<T>;
  /** A view of objects that are kept in another version of the same resource. @default kept as they are */
  readonly storedAs?: StoredAs<T>;
  /** Leases and Events: only the newest revision is kept in the durable history. */
  readonly ephemeral?: boolean;
}

/** How objects come from and go to the version in which they are kept. Nothing may get lost on the way. */
export interface StoredAs<T extends KubeObject = KubeObject> {
  readonly version: string;
  readonly fromStorage: Rule<(stored: KubeObject) => T>;
  readonly toStorage: Rule<(object: T) => KubeObject>;
}

/**
 * A function on objects of one kind. Its parameters compare as a method's do, so that a `Kind<Pod>`
 * can be listed among kinds of any object.
 */
type Rule<F extends (...args: never[]) => unknown> = {
  apply(...args: Parameters<F>): ReturnType<F>;
}["apply"];

/** Reads one selectable field; "" when it is not set. */
export type FieldReader<T extends KubeObject = KubeObject> = Rule<(object: T) => string>;

export interface Subresources {
  /** Status is written through `/status` only; other writes ignore it. */
  readonly status?: true;
  /** Paths as in a CRD, e.g. `.spec.replicas`. */
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath?: string;
  };
}

/** A column of `kubectl get`, as upstream's printers define it for built-in kinds. */
export interface PrinterColumn<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown; above 0 only with `-o wide`. */
  readonly priority?: number;
  readonly cell: Rule<
    (object: T, context: { readonly nowMs: number }) => string | number | boolean | null
  >;
}

/**
 * Rules of a kind beyond its schema. Every function is pure and returns new objects. The API
 * server calls them in the order: prepare, schema defaults, `default`, schema validation, `validate*`.
 * What runs before schema validation, and `warnings`, takes any JSON: fields of the wrong type pass
 * through. `validate*` may rely on the types, and does not repeat what the schema reports.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  /** Problems with `metadata.name`, as messages; see `names.ts` for the usual rules. */
  readonly validateName: (name: string) => string[];
  /** Whoever creates the object brings its status along, as agents do with Nodes. @default dropped */
  readonly keepsStatusOnCreate?: true;
  /** Drops what clients may not set on creation (status is dropped already). */
  readonly prepareForCreate?: Rule<(object: T) => T>;
  /** Carries over what a spec write may not change (status is carried over already). */
  readonly prepareForUpdate?: Rule<(next: T, previous: T) => T>;
  /** Defaults that depend on other fields, so that the schema cannot say them. */
  readonly default?: Rule<(object: T) => T>;
  readonly validate?: Rule<(object: T) => FieldError[]>;
  /** What holds only for a new object. */
  readonly validateCreate?: Rule<(object: T) => FieldError[]>;
  /** Immutable fields and allowed transitions, for writes to the main resource. */
  readonly validateUpdate?: Rule<(next: T, previous: T) => FieldError[]>;
  /** Checks for writes to `/status`. */
  readonly validateStatusUpdate?: Rule<(next: T, previous: T) => FieldError[]>;
  /** In place of `validateUpdate`, for writes to one of these subresources. */
  readonly validateSubresource?: Readonly<
    Record<string, Rule<(next: T, previous: T) => FieldError[]>>
  >;
  /** Whether an update without `resourceVersion` means last write wins. Default true. */
  readonly allowUnconditionalUpdate?: boolean;
  /**
   * Grace period of a deletion in seconds, for kinds that shut down gracefully (Pod): given what
   * the client asked for. 0 means delete at once. Absent: the kind is never gracefully deleted.
   */
  readonly gracePeriodSeconds?: Rule<(object: T, requested: number | undefined) => number>;
  /** What `propagationPolicy` means when a client names none. Default `Background`. */
  readonly defaultPropagation?: "Background" | "Foreground" | "Orphan";
  /** What is allowed but hardly meant; sent to the client as `Warning` headers. */
  readonly warnings?: Rule<(object: T) => string[]>;
}
