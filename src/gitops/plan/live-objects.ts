/** Live objects asked for one by one: for the command line, where no informer runs. */
import type { Client } from "../../client/client.ts";
import type { KubeObject } from "../../kube/object.ts";
import { apiVersionOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Desired } from "./desired.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { LiveObjects } from "./planner.ts";
import { APPLICATION_LABEL, trackedBy } from "./tracking.ts";

export class FetchedObjects implements LiveObjects {
  readonly #client: Client;
  constructor(client: Client) {
    this.#client = client;
  }

  async get({ resource, ref }: Desired): Promise<KubeObject | undefined> {
    const { namespace, name } = ref;
    try {
      return await this.#client.get(resource, namespace === "" ? { name } : { namespace, name });
    } catch (error) {
      // Of a kind that is not served yet, there is no object either.
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async owned(label: string, kinds: readonly ObjectRef[]): Promise<readonly KubeObject[]> {
    const found: KubeObject[] = [];
    const seen = new Set<string>();
    for (const kind of kinds) {
      const id = `${kind.group}/${kind.kind}`;
      if (seen.has(id)) continue;
      seen.add(id);
      const resource = await this.#client.resourceFor(apiVersionOf(kind), kind.kind);
      if (resource === undefined) continue;
      const list = await this.#client.list(resource, {
        labelSelector: `${APPLICATION_LABEL}=${label}`,
      });
      found.push(...list.items.filter((live) => trackedBy(live) === label));
    }
    return found;
  }
}
