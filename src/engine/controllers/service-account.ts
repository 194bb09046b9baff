/** Every namespace has a ServiceAccount `default`, which pods run as when they name none. */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { namespaces as namespaceResource } from "../../kube/kinds/namespace.ts";
import { serviceAccounts } from "../../kube/kinds/serviceaccount.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";

const NAME = "serviceaccount-controller";
const WORKERS = 1;
const DEFAULT_ACCOUNT = "default";

export function createServiceAccountController(context: ControllerContext): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const namespaces = informers.of(namespaceResource);
  const accounts = informers.of(serviceAccounts);
  const queue = new WorkQueue({ clock });

  namespaces.onChange(({ object }) => queue.add(keyOf(object)));
  accounts.onChange(({ type, object: { metadata } }) => {
    if (type === "DELETED" && metadata.name === DEFAULT_ACCOUNT)
      queue.add(metadata.namespace ?? "");
  });

  async function reconcile(namespace: string): Promise<Result> {
    const found = namespaces.get(namespace);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return done;
    if (accounts.get(`${namespace}/${DEFAULT_ACCOUNT}`) !== undefined) return done;
    try {
      await client.create(serviceAccounts, {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { namespace, name: DEFAULT_ACCOUNT },
      });
    } catch (error) {
      if (!isStatus(error, "AlreadyExists") && !isNamespaceTerminating(error)) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}
