/** A whole server follows an artifact in a private registry. */
import { afterEach, expect, test } from "vitest";
import { silentLogger } from "../../../../src/client/logger.ts";
import { applications } from "../../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../../src/kube/kinds/configmap.ts";
import { secrets } from "../../../../src/kube/kinds/secret.ts";
import { type ServerFixture, startServerFixture } from "../../../cli/server-fixture.ts";
import { gantry } from "../../../cli/command-line.ts";
import { registry } from "./opened.ts";
import { PASSWORD, USER } from "./registry.ts";
import { tarOf } from "./tar-files.ts";

const configMap = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-registry\ndata:\n  value: "${value}"\n`;
const key = { namespace: "default", name: "from-registry" };
let fixture: ServerFixture;
afterEach(() => fixture.stop());

test("a private artifact is applied; a newer one in its range follows; an older digest comes back", async () => {
  const server = await registry({ auth: "token" });
  const first = server.push("team/app", "1.0.0", tarOf({ "deploy/cm.yaml": configMap("one") }));
  fixture = await startServerFixture({ "empty.yaml": "" }, silentLogger);
  const { client } = fixture.server;
  const repoURL = `oci://${server.host}/team/app`;
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "registry",
      namespace: "default",
      labels: { "gantry.dev/secret-type": "repository" },
    },
    stringData: { url: repoURL, username: USER, password: PASSWORD },
  } as never);
  await client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: key,
    spec: {
      source: { repoURL, targetRevision: "1.x", path: "deploy" },
      destination: { namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true }, retry: { limit: 0 } },
    },
  });
  const value = async (): Promise<string | undefined> =>
    (await client.get(configMaps, key).catch(() => undefined))?.data?.["value"];
  const revision = async (): Promise<string | undefined> =>
    (await client.get(applications, key)).status?.sync?.revision;
  await expect.poll(value, { timeout: 20_000 }).toBe("one");
  expect(await revision()).toBe(first);

  const second = server.push("team/app", "1.1.0", tarOf({ "deploy/cm.yaml": configMap("two") }));
  const flags = ["--data-dir", fixture.dataDir];
  expect(await gantry("sync", key.name, "--wait", ...flags)).toMatchObject({ exitCode: 0 });
  await expect.poll(value, { timeout: 20_000 }).toBe("two");
  await expect.poll(revision).toBe(second);

  const history = await gantry("history", key.name, ...flags);
  expect(history.stdout).toContain("app:1.1.0");
  expect(await gantry("rollback", key.name, "--yes", "--wait", ...flags)).toMatchObject({
    exitCode: 0,
  });
  await expect.poll(value, { timeout: 20_000 }).toBe("one");
}, 90_000);
