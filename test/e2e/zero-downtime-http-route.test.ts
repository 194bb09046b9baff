/** Rolling updates and a canary through the Gateway API: clients at full load see no failed request. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { issueSelfSigned } from "../../src/engine/apiserver/pki/certificates.ts";
import { WorkTree } from "../git-fixture.ts";
import { appFiles } from "./app-manifests.ts";
import { untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { Http2Load } from "./http2-load.ts";
import { Load } from "./load.ts";

const GATEWAY_API = "gateway.networking.k8s.io/v1";

async function gatewayFiles(): Promise<Record<string, string>> {
  const { certificate, key } = await issueSelfSigned("app", ["app.example.com"], Date.now());
  return {
    "secret.yaml": JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "app-tls" },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": certificate, "tls.key": key },
    }),
    "gateway.yaml": JSON.stringify({
      apiVersion: GATEWAY_API,
      kind: "Gateway",
      metadata: { name: "web" },
      spec: {
        gatewayClassName: "gantry",
        listeners: [
          { name: "http", port: 80, protocol: "HTTP" },
          {
            name: "https",
            port: 443,
            protocol: "HTTPS",
            tls: { certificateRefs: [{ name: "app-tls" }] },
          },
        ],
      },
    }),
  };
}
const routeFile = (stable: number, canary: number): Record<string, string> => ({
  "route.yaml": JSON.stringify({
    apiVersion: GATEWAY_API,
    kind: "HTTPRoute",
    metadata: { name: "app" },
    spec: {
      parentRefs: [{ name: "web" }],
      rules: [
        {
          backendRefs: [
            { name: "app", port: 80, weight: stable },
            { name: "canary", port: 80, weight: canary },
          ],
        },
      ],
    },
  }),
});

describe("through an HTTPRoute, an application that exits at once on SIGTERM", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;
  let loads: Load[] = [];

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(`${gantry.home}/repo`);
    const first = await work.commit({
      ...appFiles({ version: "1", replicas: 2 }),
      ...appFiles({ name: "canary", version: "next", replicas: 1 }),
      ...(await gatewayFiles()),
      ...routeFile(1, 0),
    });
    await gantry.up(
      "--repo",
      work.path,
      "--ingress-http",
      "127.0.0.1:0",
      "--ingress-https",
      "127.0.0.1:0",
      "--ingress-access-log",
    );
    client = await gantry.client();
    await untilSettled(client, first);
    await gantry.kubectl("wait", "--for=condition=Programmed", "gateway/web", "--timeout=20s");
  });
  afterEach(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    loads = [];
  });
  afterAll(() => gantry?.dispose());

  const commit = async (files: Record<string, string>) =>
    untilSettled(client, await work.commit(files));
  function startLoad(): void {
    const url = gantry.addresses.ingressHttp ?? "";
    loads = [true, false].map(
      (keepAlive) => new Load(url, { keepAlive, clients: 6, method: "POST" }),
    );
  }
  const more = (requests: number) => Promise.all(loads.map((load) => load.more(requests)));
  async function outcome() {
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    const versions = new Set(tallies.flatMap(({ answers }) => [...answers.keys()]));
    return {
      failures: Object.fromEntries(tallies.flatMap(({ failures }) => [...failures])),
      versions: [...versions].toSorted(),
    };
  }

  test("loses no request in a rolling update, nor while weights move to a canary and all the way", async () => {
    const listening = "jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}";
    await expect
      .poll(async () => (await gantry.kubectl("get", "httproute", "app", "-o", listening)).stdout)
      .toBe("True");
    startLoad();
    const http2 = new Http2Load(gantry.addresses.ingressHttps ?? "");
    await more(300);
    await commit(appFiles({ version: "2", replicas: 2 }));
    await more(300);
    for (const [stable, canary] of [
      [90, 10],
      [50, 50],
      [0, 100],
    ] as const) {
      await commit(routeFile(stable, canary));
      await more(300);
    }
    // The stable one takes no requests now: it may go.
    await commit(appFiles({ version: "3", replicas: 0 }));
    await more(300);
    await http2.stop();
    expect(http2.failures).toEqual([]);
    expect(http2.versions).toContain("next");
    const { failures, versions } = await outcome();
    expect(failures).toEqual({});
    expect(versions).toEqual(["1", "2", "next"]);
  });
});
