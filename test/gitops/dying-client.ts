/** A client whose process dies at its `killAt`th call, before or after the call is done. */
import type { Client } from "../../src/client/client.ts";

export interface DyingClient {
  readonly client: Client;
  readonly state: { calls: number; dead: boolean };
}

const WRITES = new Set(["create", "update", "patch", "delete", "deleteCollection"]);

/** @param only `writes`: reads are neither counted nor what it dies of; they hang once it is dead */
export function dyingClient(
  client: Client,
  killAt: number,
  when: "before" | "after",
  only: "calls" | "writes" = "calls",
): DyingClient {
  const state = { calls: 0, dead: false };
  const never = new Promise<never>(() => undefined);
  const wrap =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (state.dead) return never;
      const counts = only === "calls" || WRITES.has(name);
      const isLast = counts && ++state.calls === killAt;
      if (isLast && when === "before") state.dead = true;
      if (state.dead) return never;
      try {
        return await call(...args);
      } finally {
        if (isLast) state.dead = true;
        if (state.dead) await never;
      }
    };
  const wrapped: Client = {
    resourceFor: (...args) => client.resourceFor(...args),
    resources: () => client.resources(),
    get: wrap("get", client.get.bind(client)) as Client["get"],
    list: client.list.bind(client) as Client["list"],
    watch: client.watch.bind(client) as Client["watch"],
    create: wrap("create", client.create.bind(client)) as Client["create"],
    update: wrap("update", client.update.bind(client)) as Client["update"],
    patch: wrap("patch", client.patch.bind(client)) as Client["patch"],
    delete: wrap("delete", client.delete.bind(client)) as Client["delete"],
    deleteCollection: wrap("deleteCollection", client.deleteCollection.bind(client)),
    logs: (...args) => client.logs(...args),
  };
  return { client: wrapped, state };
}
