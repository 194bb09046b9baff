import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { WorkTree } from "../git-fixture.ts";
import { type AppOptions, appFiles } from "./app-manifests.ts";
import { untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { Http2Load } from "./http2-load.ts";
import { Load } from "./load.ts";

const INGRESS = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "app" },
  spec: {
    tls: [{ hosts: ["app.example.com"] }],
    rules: [
      {
        http: {
          paths: [
            {
              path: "/",
              pathType: "Prefix",
              backend: { service: { name: "app", port: { name: "http" } } },
            },
          ],
        },
      },
    ],
  },
};

describe("through an Ingress, an application that exits at once on SIGTERM", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;
  let loads: Load[] = [];

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(`${gantry.home}/repo`);
    await work.commit({
      ...appFiles({ version: "0", replicas: 3 }),
      "ingress.yaml": JSON.stringify(INGRESS),
    });
    await gantry.up(
      "--repo",
      work.path,
      "--ingress-http",
      "127.0.0.1:0",
      "--ingress-https",
      "127.0.0.1:0",
    );
    client = await gantry.client();
    await deploy({ version: "1", replicas: 3 });
  });
  afterEach(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    loads = [];
  });
  afterAll(() => gantry?.dispose());

  async function deploy(options: AppOptions): Promise<void> {
    await untilSettled(client, await work.commit(appFiles(options)));
  }
  function startLoad(clients: number, path: string): void {
    const url = gantry.addresses.ingressHttp ?? "";
    loads = [true, false].map(
      (keepAlive) => new Load(url, { keepAlive, clients, path, method: "POST" }),
    );
  }
  const more = (requests: number) => Promise.all(loads.map((load) => load.more(requests)));
  async function outcome(): Promise<{ failures: object; versions: string[] }> {
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    const versions = new Set(tallies.flatMap(({ answers }) => [...answers.keys()]));
    return {
      failures: Object.fromEntries(tallies.flatMap(({ failures }) => [...failures])),
      versions: [...versions].sort((a, b) => a.localeCompare(b)),
    };
  }

  test("loses no request in rolling updates, at full load, on kept connections and new ones", async () => {
    startLoad(8, "/");
    await more(500);
    for (const version of ["2", "3", "4"]) {
      await deploy({ version, replicas: 3 });
      await more(500);
    }
    expect(await outcome()).toEqual({ failures: {}, versions: ["1", "2", "3", "4"] });
  });

  test("finishes requests in flight, when it is scaled down to nothing but one, too", async () => {
    startLoad(6, "/slow");
    await more(6);
    await deploy({ version: "4", replicas: 1 });
    await more(6);
    await deploy({ version: "5", replicas: 1 });
    await more(6);
    expect(await outcome()).toEqual({ failures: {}, versions: ["4", "5"] });
  });

  test("loses neither a request nor the connection of an HTTP/2 client", async () => {
    const load = new Http2Load(gantry.addresses.ingressHttps ?? "");
    await expect.poll(() => load.sent, { timeout: 10_000 }).toBeGreaterThan(20);
    await deploy({ version: "6", replicas: 2 });
    await deploy({ version: "7", replicas: 2 });
    // A failure ends the load: what it was is told below.
    const isDecided = (): boolean => load.versions.has("7") || load.failures.length > 0;
    await expect.poll(isDecided, { timeout: 10_000 }).toBe(true);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.versions]).toEqual(["5", "6", "7"]);
  });

  test("is reached where kubectl and addresses.json say", async () => {
    const { stdout } = await gantry.kubectl(
      "get",
      "ingress",
      "app",
      "-o",
      "jsonpath={.status.loadBalancer.ingress[0]}",
    );
    const { ip, ports } = JSON.parse(stdout) as { ip: string; ports: { port: number }[] };
    expect([`http://${ip}:${ports[0]?.port}`, `https://${ip}:${ports[1]?.port}`]).toEqual([
      gantry.addresses.ingressHttp,
      gantry.addresses.ingressHttps,
    ]);
  });
});

describe("an address for Ingresses that is taken", () => {
  test("stops a server that was told to use it, with what to do", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const gantry = await GantryProcess.create();
    try {
      gantry.spawn("up", "--ingress-http", `127.0.0.1:${port}`);
      expect((await gantry.ended).code).not.toBe(0);
      expect(gantry.stderr).toContain(`cannot listen on 127.0.0.1:${port} (Ingress over HTTP)`);
      expect(gantry.stderr).toContain("--ingress-http host:port");
    } finally {
      await gantry.dispose();
      other.close();
    }
  });
});
