import { type ApiServer, createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import type { RequestContext, UserInfo } from "../../../src/engine/apiserver/request-context.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import type { ConfigMap } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
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
