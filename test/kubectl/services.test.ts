import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askUdp, freePort } from "../engine/network/service-proxy-fixture.ts";
import { pod } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

/** Answers over TCP and UDP on the port that it is given. */
const ECHO = `
const port = Number(process.env.PORT);
require("node:http").createServer((q, r) => r.end("tcp")).listen(port, "127.0.0.1");
const udp = require("node:dgram").createSocket("udp4");
udp.on("message", (m, from) => udp.send("udp", from.port, from.address));
udp.bind(port, "127.0.0.1");`;

const service = (name: string, spec: object, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, ...more },
  spec,
});

describeKubectl("kubectl and Services", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;
  const field = (name: string, path: string) => kubectl(`get svc ${name} -o jsonpath={${path}}`);
  const app = createServer((_request, response) => response.end("manual"));
  beforeAll(() => new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve)));
  afterAll(() => void app.close());

  test("a pod is reached over TCP and UDP of one port number, inside and on the node", async () => {
    const ports = [
      { containerPort: 53, protocol: "TCP" },
      { containerPort: 53, protocol: "UDP" },
    ];
    const container = { command: [process.execPath, "-e", ECHO], ports };
    await cluster.apply(
      pod("dns", { labels: { app: "dns" }, container }),
      service("dns", {
        type: "NodePort",
        selector: { app: "dns" },
        ports: [
          { name: "tcp", port: 7053, protocol: "TCP", targetPort: 53 },
          { name: "udp", port: 7053, protocol: "UDP", targetPort: 53 },
        ],
      }),
    );
    await kubectl("wait --for=condition=Ready pod/dns --timeout=30s");
    const address = await field("dns", ".spec.clusterIP");
    const node = Number(await field("dns", ".spec.ports[0].nodePort"));
    expect(await field("dns", ".spec.ports[1].nodePort")).toBe(String(node));
    await expect.poll(() => ask(address, 7053), { timeout: 10_000 }).toBe("tcp");
    await expect.poll(() => askUdp(address, 7053, 500), { timeout: 10_000 }).toBe("udp");
    expect([await ask("127.0.0.1", node), await askUdp("127.0.0.1", node)]).toEqual(["tcp", "udp"]);
  });

  test("hand-written Endpoints stand behind a Service without a selector", async () => {
    const { port } = app.address() as AddressInfo;
    await cluster.apply(service("manual", { ports: [{ name: "web", port: 7080 }] }), {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "manual" },
      subsets: [{ addresses: [{ ip: "127.0.0.1" }], ports: [{ name: "web", port }] }],
    });
    const address = await field("manual", ".spec.clusterIP");
    await expect.poll(() => ask(address, 7080), { timeout: 10_000 }).toBe("manual");
    expect(await kubectl("describe svc manual")).toMatch(
      new RegExp(`Endpoints:\\s+127.0.0.1:${port}`),
    );
  });

  test("a load balancer shows its address; a second one on the same port says why it waits", async () => {
    const port = await freePort();
    const spec = { type: "LoadBalancer", selector: { app: "none" }, ports: [{ port }] };
    await cluster.apply(service("lb", spec));
    await kubectl(
      "wait --for=jsonpath={.status.loadBalancer.ingress[0].ip}=127.0.0.1 svc/lb --timeout=20s",
    );
    expect(await kubectl("get svc lb")).toMatch(
      /lb\s+LoadBalancer\s+127\.96\.\S+\s+127\.0\.0\.1\s/,
    );
    expect(await kubectl("describe svc lb")).toMatch(/LoadBalancer Ingress:\s+127.0.0.1 \(VIP\)/);
    await cluster.apply(service("second", spec));
    expect(await kubectl("get svc second")).toMatch(/<pending>/);
    await expect
      .poll(() => kubectl("describe svc second"), { timeout: 10_000 })
      .toMatch(/Warning\s+AddressTaken .*Service default\/lb/);
    await kubectl("delete svc lb");
    await kubectl(
      "wait --for=jsonpath={.status.loadBalancer.ingress[0].ip}=127.0.0.1 svc/second --timeout=20s",
    );
  });

  test("a Service changes its type with patch and edit, and holds what the type needs", async () => {
    await cluster.apply(service("typed", { selector: { app: "x" }, ports: [{ port: 80 }] }));
    const patch = (spec: object) => kubectl(`patch svc typed -p ${JSON.stringify({ spec })}`);
    await patch({ type: "NodePort" });
    expect(Number(await field("typed", ".spec.ports[0].nodePort"))).toBeGreaterThanOrEqual(30_000);
    await patch({ type: "ExternalName", externalName: "example.com" });
    expect(await field("typed", ".spec.clusterIP")).toBe("");
    expect(await field("typed", ".spec.ports[0].nodePort")).toBe("");
    expect(await kubectl("get svc typed")).toMatch(/ExternalName\s+<none>\s+example.com/);
    await patch({ type: "ClusterIP", externalName: null });
    expect(await field("typed", ".spec.clusterIP")).toMatch(/^127\.96\./);
  });

  test("what cannot be is refused, with the field that is wrong", async () => {
    const refused = (name: string, spec: object) =>
      cluster.failing("create -f -", manifest(service(name, spec)));
    const ports = [{ name: "a", port: 80 }];
    await cluster.apply(
      service("first", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] }),
    );
    expect(
      await refused("again", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] }),
    ).toContain("spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated");
    expect(
      await refused("outside", { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] }),
    ).toContain("The range of valid ports is 30000-32767");
    expect(await refused("twice", { ports: [...ports, { name: "b", port: 80 }] })).toContain(
      "spec.ports[1]: Duplicate value",
    );
    expect(
      await refused("ranges", {
        type: "LoadBalancer",
        ports,
        loadBalancerSourceRanges: ["10.0.0/8"],
      }),
    ).toContain("must be a valid CIDR block");
    expect(await refused("dual", { ipFamilyPolicy: "RequireDualStack", ports })).toContain(
      "this cluster is not configured for dual-stack services",
    );
    expect(await refused("foreign", { clusterIP: "10.0.0.1", ports })).toContain(
      "The range of valid IPs is 127.96.0.0/16",
    );
  });
});
