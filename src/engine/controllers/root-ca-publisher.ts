/**
 * Every namespace has a ConfigMap `kube-root-ca.crt` with the certificate authority that vouches for
 * the API server: clients in pods verify it with that.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { type ConfigMap, configMaps } from "../../kube/kinds/configmap.ts";
import { namespaces as namespaceResource } from "../../kube/kinds/namespace.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { isNamespaceTerminating } from "./namespace-terminating.ts";

const NAME = "root-ca-certificate-publisher";
const WORKERS = 1;
export const ROOT_CA_CONFIG_MAP = "kube-root-ca.crt";
const KEY = "ca.crt";
const DESCRIPTION = "kubernetes.io/description";

/** @param ca PEM */
export function createRootCaPublisher(context: ControllerContext, ca: string): Controller {
  const { informers, clock } = context;
  const client = withFieldManager(context.client, NAME);
  const namespaces = informers.of(namespaceResource);
  const published = informers.of(configMaps);
  const queue = new WorkQueue({ clock });

  namespaces.onChange(({ object }) => queue.add(keyOf(object)));
  published.onChange(({ object: { metadata } }) => {
    if (metadata.name === ROOT_CA_CONFIG_MAP) queue.add(metadata.namespace ?? "");
  });

  async function reconcile(namespace: string): Promise<Result> {
    const found = namespaces.get(namespace);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return done;
    const existing = published.get(`${namespace}/${ROOT_CA_CONFIG_MAP}`);
    if (existing?.data?.[KEY] === ca && Object.keys(existing.data).length === 1) return done;
    try {
      if (existing === undefined) await client.create(configMaps, configMap(namespace, ca));
      else await client.update(configMaps, { ...existing, data: { [KEY]: ca } });
    } catch (error) {
      // Whoever was faster, or whatever went, is told by the informers.
      const isSettled = isStatus(error, "AlreadyExists", "NotFound", "Conflict");
      if (!isSettled && !isNamespaceTerminating(error)) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function configMap(namespace: string, ca: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      namespace,
      name: ROOT_CA_CONFIG_MAP,
      annotations: {
        [DESCRIPTION]:
          "The authority that signs the API server's certificate; kept up to date by Gantry.",
      },
    },
    data: { [KEY]: ca },
  };
}
