import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { deployments } from "../../src/kube/kinds/deployment.ts";
import { WorkTree } from "../git-fixture.ts";
import { type AppOptions, deploymentOf, serviceOf } from "./app-manifests.ts";
import { serviceUrl, until, untilApplication, untilPods, untilRolledOut } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask, Load } from "./load.ts";

describe("pods of a running gantry", () => {
  let gantry: GantryProcess;
  let client: Client;

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    await gantry.up();
    client = await gantry.client();
  });
  afterAll(() => gantry?.dispose());

  async function kubectl(...args: string[]): Promise<string> {
    const result = await gantry.kubectl(...args);
    if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }
  async function apply(...objects: readonly object[]): Promise<void> {
    const text = objects.map((object) => JSON.stringify(object)).join("\n");
    await kubectl("apply", "-f", await gantry.file("manifests.json", text));
  }
  async function createConfigMap(name: string, data: Record<string, string>): Promise<void> {
    const metadata = { name, namespace: "default" };
    await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data });
  }
  const deploy = (options: AppOptions) => apply(deploymentOf(options), serviceOf(options.name));
  const podsOf = (name: string) => ({ labelSelector: `app=${name}` });

  test("that crash again and again are shown as such, and the Application says why", async () => {
    const work = await WorkTree.init(join(gantry.home, "crashing"));
    await work.commit({
      "app.yaml": JSON.stringify({
        ...deploymentOf({ name: "crashing", version: "1", program: "process.exit(3)" }),
      }).replace('"replicas":1', '"replicas":1,"progressDeadlineSeconds":3'),
    });
    await client.create(applications, {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: { name: "default", namespace: "default" },
      spec: {
        source: { repoURL: work.path },
        destination: { namespace: "default" },
        syncPolicy: { automated: {} },
      },
    });
    const { status } = await untilApplication(
      client,
      (application) => application.status?.health?.status === "Degraded",
    );
    expect(status?.health?.message).toMatch(/crashing.*CrashLoopBackOff.*exit code 3/i);
    await untilPods(
      client,
      ([pod]) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff",
      podsOf("crashing"),
    );
    const shown = await kubectl("get", "pods", "-l", "app=crashing", "--no-headers");
    expect(shown).toMatch(/^crashing-\S+ +0\/1 +CrashLoopBackOff +[1-9]/);
    await client.delete(applications, { namespace: "default", name: "default" });
    await kubectl("delete", "deployment", "crashing", "--ignore-not-found");
  });

  test("that fail their readiness probe get no traffic", async () => {
    const name = "ready";
    await deploy({ name, version: "1", replicas: 2 });
    await untilRolledOut(client, name);
    const load = new Load(await serviceUrl(client, name), { clients: 2, keepAlive: false });
    const container = {
      readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
      command: [
        "node",
        "-e",
        `require("node:http").createServer((request, response) => {
          response.writeHead(request.headers["user-agent"]?.startsWith("kube-probe") ? 503 : 200);
          response.end("2");
        }).listen(Number(process.env.PORT));`,
      ],
    };
    await deploy({ name, version: "2", replicas: 2, container });
    const probed = await untilPods(
      client,
      (all) =>
        all.length === 3 &&
        all.some(
          ({ status }) =>
            status?.containerStatuses?.[0]?.ready === false &&
            status.containerStatuses[0].started === true,
        ),
      podsOf(name),
    );
    expect(probed).toHaveLength(3);
    await load.more(200);
    const { failures, answers } = await load.stop();
    expect([...failures]).toEqual([]);
    expect([...answers.keys()]).toEqual(["1"]);
    const stuck = await client.get(deployments, { namespace: "default", name });
    expect(stuck.status).toMatchObject({ availableReplicas: 2, updatedReplicas: 1 });
    await kubectl("rollout", "undo", `deployment/${name}`);
    await untilRolledOut(client, name);
    await kubectl("delete", "deployment", name);
  });

  test("wait for a ConfigMap that is missing and start once it is there", async () => {
    const name = "waiting";
    const container = { envFrom: [{ configMapRef: { name: "late" } }] };
    await deploy({ name, version: "1", container });
    const [pod] = await untilPods(
      client,
      ([one]) =>
        one?.status?.containerStatuses?.[0]?.state?.waiting?.reason ===
        "CreateContainerConfigError",
      podsOf(name),
    );
    expect(pod?.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
      /configmap "late" not found/,
    );
    await createConfigMap("late", { A: "b" });
    await untilRolledOut(client, name);
    expect(await ask(new URL(await serviceUrl(client, name)))).toBe("1");
    await kubectl("delete", "deployment", name);
  });

  test("are started again when their liveness probe fails", async () => {
    const name = "alive";
    const program = `let healthy = true;
      require("node:http").createServer((request, response) => {
        if (request.url === "/break") healthy = false;
        response.writeHead(healthy || request.url !== "/healthz" ? 200 : 500);
        response.end(String(process.pid));
      }).listen(Number(process.env.PORT));
      process.on("SIGTERM", () => process.exit(0));`;
    const container = {
      startupProbe: {
        httpGet: { path: "/healthz", port: "http" },
        periodSeconds: 1,
        failureThreshold: 30,
      },
      livenessProbe: {
        httpGet: { path: "/healthz", port: "http" },
        periodSeconds: 1,
        failureThreshold: 1,
      },
    };
    await deploy({ name, version: "1", program, container });
    await untilRolledOut(client, name);
    const url = await serviceUrl(client, name);
    const before = await ask(new URL("/break", url));
    await untilPods(
      client,
      ([pod]) =>
        pod?.status?.containerStatuses?.[0]?.restartCount === 1 &&
        pod.status.containerStatuses[0].ready,
      podsOf(name),
    );
    expect(await ask(new URL(url))).not.toBe(before);
    const events = await kubectl("get", "events", "--field-selector", "reason=Unhealthy");
    expect(events).toMatch(/Liveness probe failed/);
    await kubectl("delete", "deployment", name);
  });

  test("see changes of a ConfigMap in their files while they run", async () => {
    const name = "live";
    const program = `require("node:http").createServer((request, response) => {
        response.end(require("node:fs").readFileSync("etc/settings/colour", "utf8"));
      }).listen(Number(process.env.PORT));
      process.on("SIGTERM", () => process.exit(0));`;
    const container = { volumeMounts: [{ name: "settings", mountPath: "/etc/settings" }] };
    const podSpec = { volumes: [{ name: "settings", configMap: { name: "colours" } }] };
    await createConfigMap("colours", { colour: "green" });
    await deploy({ name, version: "1", program, container, podSpec });
    await untilRolledOut(client, name);
    const url = await serviceUrl(client, name);
    expect(await ask(new URL(url))).toBe("green");
    const load = new Load(url, { clients: 1, keepAlive: true });
    await client.patch(
      configMaps,
      { namespace: "default", name: "colours" },
      { type: "merge", body: { data: { colour: "blue" } } },
    );
    await load.until(({ answers }) => answers.has("blue"));
    expect([...(await load.stop()).failures]).toEqual([]);
    const [pod] = await untilPods(client, (all) => all.length === 1, podsOf(name));
    expect(pod?.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await kubectl("delete", "deployment", name);
  });

  test("are gone at zero replicas and back afterwards", async () => {
    const name = "scaled";
    await deploy({ name, version: "1", replicas: 2 });
    await untilRolledOut(client, name);
    await kubectl("scale", `deployment/${name}`, "--replicas=0");
    await untilPods(client, (all) => all.length === 0, podsOf(name));
    await kubectl("scale", `deployment/${name}`, "--replicas=3");
    await untilRolledOut(client, name);
    await until(client, deployments, name, ({ status }) => status?.readyReplicas === 3);
    expect(await ask(new URL(await serviceUrl(client, name)))).toBe("1");
    await kubectl("delete", "deployment", name);
  });

  test("of a paused rollout stay as they are; undo brings the last version back", async () => {
    const name = "paused";
    await deploy({ name, version: "1" });
    await untilRolledOut(client, name);
    const url = new URL(await serviceUrl(client, name));
    await kubectl("rollout", "pause", `deployment/${name}`);
    await kubectl("set", "env", `deployment/${name}`, "VERSION=2");
    await until(
      client,
      deployments,
      name,
      ({ metadata, status }) => status?.observedGeneration === metadata.generation,
    );
    expect(await ask(url)).toBe("1");
    await kubectl("rollout", "resume", `deployment/${name}`);
    await kubectl("rollout", "status", `deployment/${name}`, "--timeout=20s");
    expect(await ask(url)).toBe("2");
    expect(await kubectl("rollout", "history", `deployment/${name}`)).toMatch(/\n1 .*\n2 /);
    await kubectl("rollout", "undo", `deployment/${name}`);
    await kubectl("rollout", "status", `deployment/${name}`, "--timeout=20s");
    expect(await ask(url)).toBe("1");
    await kubectl("delete", "deployment", name);
  });
});
