/**
 * Admission: what the cluster adds to objects and refuses about them, beyond the rules of their
 * kind. Every write passes through it: create, update, patch, apply, delete, subresources, dry run,
 * in process as over HTTP.
 */
import type { KubeObject } from "../../../kube/object.ts";
import type { Target } from "../target.ts";
import type { RequestContext } from "../request-context.ts";

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly target: Target;
  readonly subresource: string | undefined;
  readonly context: RequestContext;
  /** The stored state; undefined for a creation. */
  readonly previous: KubeObject | undefined;
  /**
   * Calls back once the write is committed, refused or, for a dry run, computed: the time to let go
   * of what a plug-in holds for it. The callback comes after watchers of the store were told.
   */
  readonly whenSettled: (callback: () => void) => void;
}

/** Synchronous: plug-ins decide from memory. They refuse by throwing a `StatusError`. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Returns the object with what it lacks; itself when it lacks nothing. May run again for one write. */
  readonly mutate?: (object: KubeObject, request: AdmissionRequest) => KubeObject;
  /** Runs inside the writer, so what it reads is committed state. `object` is undefined for a deletion. */
  readonly validate?: (object: KubeObject | undefined, request: AdmissionRequest) => void;
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }
  mutate(object: KubeObject, request: AdmissionRequest): KubeObject {
    let result = object;
    for (const plugin of this.#plugins) result = plugin.mutate?.(result, request) ?? result;
    return result;
  }
  validate(object: KubeObject | undefined, request: AdmissionRequest): void {
    for (const plugin of this.#plugins) plugin.validate?.(object, request);
  }
}
