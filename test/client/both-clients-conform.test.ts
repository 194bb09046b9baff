import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/client/clock.ts";
import { loadClusterAccess } from "../../src/client/http/cluster-access.ts";
import { HttpClient } from "../../src/client/http/http-client.ts";
import { silentLogger } from "../../src/client/logger.ts";
import { createApiServer } from "../../src/engine/apiserver/api-server.ts";
import { bootstrap } from "../../src/engine/apiserver/bootstrap.ts";
import { staticTokens } from "../../src/engine/apiserver/http/authenticate.ts";
import { startHttpsServer } from "../../src/engine/apiserver/http/https-server.ts";
import { InProcessClient } from "../../src/engine/apiserver/in-process-client.ts";
import {
  ensureAdminToken,
  writeKubeconfig,
} from "../../src/engine/apiserver/pki/admin-credentials.ts";
import { ensureCertificates } from "../../src/engine/apiserver/pki/certificates.ts";
import { simulatedConnection } from "../../src/engine/simulation/simulated-connection.ts";
import { MemoryStore } from "../../src/engine/store/memory-store.ts";
import { admin } from "../engine/apiserver/test-server.ts";
import { describeClient } from "./conformance.ts";

async function startApi() {
  const store = new MemoryStore({ clock: systemClock });
  const api = createApiServer({ store });
  await bootstrap(api);
  return {
    api,
    compact: () => store.compact(store.revision),
    serveLogs(pieces: readonly string[]) {
      api.nodes.connect("node-1", {
        ...simulatedConnection(systemClock),
        async *logs() {
          for (const piece of pieces) {
            await new Promise((resolve) => setImmediate(resolve));
            yield Buffer.from(piece);
          }
        },
      });
    },
  };
}

describeClient("in process", async () => {
  const { api, ...rest } = await startApi();
  return { ...rest, client: new InProcessClient(api, admin), stop: () => api.close() };
});

describeClient("over HTTPS", async () => {
  const { api, ...rest } = await startApi();
  const directory = await mkdtemp(join(tmpdir(), "gantry-conformance-"));
  const { ca, server: certificate } = await ensureCertificates({
    directory,
    names: ["127.0.0.1", "localhost"],
    nowMs: Date.now(),
  });
  const token = await ensureAdminToken(directory);
  const server = await startHttpsServer({
    api,
    authenticator: staticTokens(new Map([[token, admin]])),
    certificate,
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
    gantryVersion: "test",
    notReady: () => [],
  });
  const path = join(directory, "kubeconfig");
  await writeKubeconfig(path, { server: `https://127.0.0.1:${server.port}`, ca, token });
  const client = new HttpClient(await loadClusterAccess({ path }));
  return {
    ...rest,
    client,
    async stop() {
      await client.close();
      await server.close();
      await api.close();
      await rm(directory, { recursive: true });
    },
  };
});
