import { type ApiServer, createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import type { ServedKind } from "../../../src/engine/apiserver/registry.ts";
import type { RequestContext, UserInfo } from "../../../src/engine/apiserver/request-context.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import type { ConfigMap } from "../../../src/kube/kinds/configmap.ts";
import type { Deployment } from "../../../src/kube/kinds/deployment.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import type { KubeObject, ObjectKey } from "../../../src/kube/object.ts";
import { ManualClock } from "../../manual-clock.ts";

export const admin: UserInfo = { name: "admin", groups: ["system:masters"] };
export const asAdmin: RequestContext = { user: admin };

export interface TestServer {
  readonly store: MemoryStore;
  readonly clock: ManualClock;
  readonly server: ApiServer;
  readonly client: InProcessClient;
}

/** A server on an empty store with one namespace, `default`; time stands still. */
export async function startServer(
  options: Partial<Parameters<typeof createApiServer>[0]> = {},
): Promise<TestServer> {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const server = createApiServer({ store, clock, random: seeded(1), ...options });
  const client = new InProcessClient(server, admin);
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  return { store, clock, server, client };
}

/** What is served under this name; for calls to the server itself. */
export function served(server: ApiServer, resource: Resource): ServedKind {
  const { group, version, plural } = resource;
  const found = server.registry.find(group, version, plural);
  if (found === undefined) throw new Error(`${plural} are not served`);
  return found;
}

export function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pod(name: string, spec: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "main", image: "app:1" }], ...spec },
  };
}

/** What the scheduler posts to `/binding`. */
export function binding(podName: string, nodeName: string): KubeObject & { target: object } {
  return {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: podName, namespace: "default" },
    target: { apiVersion: "v1", kind: "Node", name: nodeName },
  };
}

export function deployment(name: string, replicas: number): Deployment {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "main", image: "app:1" }] },
      },
    },
  };
}

export const inDefault = (name: string): ObjectKey => ({ namespace: "default", name });
