/** Finds out about the owners of an object: from the graph, else by asking the API. */
import type { OwnerReference } from "kubernetes-types/meta/v1";
import type { Client } from "../../../client/client.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { isStatus } from "../../../kube/status-error.ts";
import type { OwnerState } from "./collection-plan.ts";
import { awaitsDependents, type OwnershipGraph } from "./ownership-graph.ts";

/** Owners known to be gone; uids never come back. The oldest are forgotten and asked for again. */
const MAX_ABSENT = 10_000;

export class OwnerLookup {
  readonly #client: Client;
  readonly #graph: OwnershipGraph;
  /** uid and namespace, as absence of a namespaced owner is meant within one namespace. */
  readonly #absent = new Set<string>();
  readonly #onInvalid: (dependent: KubeObject, message: string) => void;

  /** `onInvalid` hears of references that can never hold: across namespaces. */
  constructor(
    client: Client,
    graph: OwnershipGraph,
    onInvalid: (dependent: KubeObject, message: string) => void,
  ) {
    this.#client = client;
    this.#graph = graph;
    this.#onInvalid = onInvalid;
  }

  async stateOf(dependent: KubeObject, owner: OwnerReference): Promise<OwnerState> {
    const { namespace } = dependent.metadata;
    const node = this.#graph.get(owner.uid);
    if (node !== undefined) {
      const { resource, object } = node;
      if (!resource.namespaced || object.metadata.namespace === namespace)
        return awaitsDependents(object) ? "waiting" : "solid";
      this.#report(dependent, owner);
      return namespace === undefined ? "unresolvable" : "absent";
    }
    const id = `${owner.uid} ${namespace ?? ""}`;
    if (this.#absent.has(id)) return "absent";
    const state = await this.#ask(dependent, owner);
    if (state === "absent") this.#remember(id);
    return state;
  }

  async #ask(dependent: KubeObject, owner: OwnerReference): Promise<OwnerState> {
    const { namespace } = dependent.metadata;
    const resource = await this.#client.resourceFor(owner.apiVersion, owner.kind);
    if (resource === undefined) return "unresolvable";
    if (resource.namespaced && namespace === undefined) {
      this.#report(dependent, owner);
      return "unresolvable";
    }
    const key =
      resource.namespaced && namespace !== undefined
        ? { namespace, name: owner.name }
        : { name: owner.name };
    try {
      const live = await this.#client.get(resource, key);
      // Another object of the same name is not the owner.
      if (live.metadata.uid !== owner.uid) return "absent";
      return awaitsDependents(live) ? "waiting" : "solid";
    } catch (error) {
      if (isStatus(error, "NotFound")) return "absent";
      throw error;
    }
  }

  #report(dependent: KubeObject, owner: OwnerReference): void {
    const { namespace } = dependent.metadata;
    const where = namespace === undefined ? "a cluster-scoped object" : `namespace "${namespace}"`;
    this.#onInvalid(
      dependent,
      `ownerRef [${owner.apiVersion}/${owner.kind}, name: ${owner.name}, uid: ${owner.uid}] does not exist in ${where}`,
    );
  }

  #remember(id: string): void {
    this.#absent.add(id);
    if (this.#absent.size <= MAX_ABSENT) return;
    for (const oldest of this.#absent) {
      this.#absent.delete(oldest);
      return;
    }
  }
}
