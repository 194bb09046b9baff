/**
 * How everything in Gantry talks to a Kubernetes API. Two implementations, one conformance suite:
 * `InProcessClient` (engine/apiserver) and `HttpClient` (client/http). Controllers, scheduler, node
 * agent, proxies and the operator know nothing else. Failures are `StatusError`.
 */
import type { Resource } from "../kube/kind.ts";
import type { JsonObject, KubeObject, ObjectKey } from "../kube/object.ts";

export interface Client {
  /** The served resource of an `apiVersion` and `kind`, custom ones included; undefined when there is none. */
  resourceFor(apiVersion: string, kind: string): Promise<Resource | undefined>;
  /**
   * Every served resource whose objects are kept, in its preferred version: what is measured or
   * answered when asked, such as metrics of pods, can be listed but not watched.
   */
  resources(): Promise<readonly Resource[]>;

  get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options?: CallOptions,
  ): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /**
   * Changes after `resourceVersion`, in commit order. Ends when the server closes the stream or the
   * signal aborts; throws `StatusError` 410 (`Expired`) when the revision is no longer retained.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>;

  create<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<T>;
  update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  /** The object as it was left: gone, or with `deletionTimestamp` while something holds it. */
  delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<KubeObject>;
  deleteCollection(resource: Resource, options: ListOptions & DeleteOptions): Promise<void>;

  /** Container output of a pod, raw bytes. Ends at the end of the log unless `follow`. */
  logs(key: ObjectKey, options: LogOptions): AsyncIterable<Uint8Array>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** `status`, `scale`, … For `get` and the write calls. */
  readonly subresource?: string;
}
export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** In the syntax of `kubectl -l`. */
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
  readonly signal?: AbortSignal;
}
export interface ObjectList<T extends KubeObject = KubeObject> {
  readonly items: readonly T[];
  /** The revision of the snapshot: where a watch goes on. */
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}
export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Absent or "0": the current state first, as ADDED, then changes. */
  readonly resourceVersion?: string;
  readonly allowBookmarks?: boolean;
  /** The current state first, then a BOOKMARK annotated `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
}
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | {
      readonly type: "BOOKMARK";
      readonly resourceVersion: string;
      readonly initialEventsEnd: boolean;
    };

export interface WriteOptions extends CallOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** Server-side apply only: take fields over from other managers. */
  readonly force?: boolean;
  /** Receives each `Warning` the server sends. */
  readonly onWarning?: (text: string) => void;
}
export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}
export type Patch =
  | { readonly type: "json"; readonly body: readonly JsonObject[] }
  | { readonly type: "merge" | "strategic" | "apply"; readonly body: JsonObject };

export interface LogOptions {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
}
