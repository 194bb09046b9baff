/** A whole server in this process whose Application is deployed by `git push`, and a clone to push from. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../src/client/logger.ts";
import { openProcessRuntime } from "../../../src/engine/node/runtime/process/process-runtime.ts";
import { internalUrl } from "../../../src/gitops/push/internal-repository.ts";
import { ensurePushToken } from "../../../src/gitops/push/push-token.ts";
import { applications } from "../../../src/kube/kinds/application.ts";
import { type Server, startServer } from "../../../src/server/server.ts";
import { GitClone } from "./git-clone.ts";

const SHOP = { namespace: "default", name: "shop" };

export interface PushedServer {
  readonly server: Server;
  readonly clone: GitClone;
  stop(): Promise<void>;
}

/** With Application `default/shop`, synced automatically, and an empty clone of its repository. */
export async function startPushedServer(): Promise<PushedServer> {
  const directory = mkdtempSync(join(tmpdir(), "gantry-push-"));
  const server = await startServer({
    dataDir: join(directory, "data"),
    api: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    nodeAddress: "127.0.0.1",
    nodeName: "test",
    createRuntime: (root) => openProcessRuntime({ podsDirectory: join(root, "pods") }),
    keepPods: false,
    version: "test",
    logger: silentLogger,
  });
  await server.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: SHOP,
    spec: {
      source: { repoURL: internalUrl(SHOP), targetRevision: "main" },
      destination: { namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
    },
  });
  const token = await ensurePushToken(server.client, SHOP);
  const url = `${server.addresses.web.replace("://", `://git:${token}@`)}/git/shop.git`;
  return {
    server,
    clone: await GitClone.create(join(directory, "clone"), url),
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
