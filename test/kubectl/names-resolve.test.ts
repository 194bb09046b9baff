import { Resolver } from "node:dns/promises";
import { expect, test } from "vitest";
import { PrivateFiles } from "../../src/engine/node/runtime/process/private-files.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const DOMAIN = "default.svc.cluster.local";
const canHideFiles = (await PrivateFiles.open()) !== undefined;

const labels = { app: "db" };
const port = { name: "pg", port: 5432 };
const listen = "require('net').createServer((s) => s.end()).listen(process.env.PORT)";
const container = {
  name: "db",
  image: "example/db:1",
  command: ["node", "-e", listen],
  ports: [{ containerPort: 5432, name: "pg" }],
};
const statefulSet = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "db" },
  spec: {
    serviceName: "db",
    replicas: 2,
    podManagementPolicy: "Parallel",
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    },
  },
};
const service = (name: string, spec: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { selector: labels, ports: [port], ...spec },
});

describeKubectl("names", () => {
  const cluster = useCluster({ dns: { listen: { host: "127.0.0.1", port: 0 }, upstreams: [] } });

  /** Where kubectl says that DNS is. */
  async function resolver(): Promise<Resolver> {
    const path = "jsonpath={.items[0].endpoints[0].addresses[0]}:{.items[0].ports[0].port}";
    const address = await cluster.kubectl(`get endpointslices -n kube-system -o ${path}`);
    const found = new Resolver({ timeout: 5_000, tries: 1 });
    found.setServers([address]);
    return found;
  }

  test("kubectl shows the DNS service where people look for it", async () => {
    const shown = await cluster.kubectl("get svc -n kube-system");
    expect(shown).toMatch(/kube-dns\s+ClusterIP\s+127\.96\.0\.10\s+<none>\s+53\/UDP,53\/TCP/);
    expect(await cluster.kubectl("cluster-info")).toContain("CoreDNS is running at");
  });

  test("of a StatefulSet's pods lead to the ports that they really have, as long as they are ready", async () => {
    await cluster.apply(service("db", { clusterIP: "None" }), service("web", {}), statefulSet);
    await cluster.kubectl("rollout status statefulset/db --timeout=20s");
    const dns = await resolver();
    const ports = async (): Promise<Record<string, number>> =>
      Object.fromEntries(
        (await dns.resolveSrv(`_pg._tcp.db.${DOMAIN}`)).map(({ name, port: own }) => [name, own]),
      );
    const hostPort = async (pod: string): Promise<number> => {
      const annotation = "jsonpath={.metadata.annotations.gantry\\.dev/host-ports}";
      const text = await cluster.kubectl(`get pod ${pod} -o ${annotation}`);
      return (JSON.parse(text) as Record<string, number>)["5432"] ?? 0;
    };
    expect(await ports()).toEqual({
      [`db-0.db.${DOMAIN}`]: await hostPort("db-0"),
      [`db-1.db.${DOMAIN}`]: await hostPort("db-1"),
    });
    expect(await dns.resolve4(`db-1.db.${DOMAIN}`)).toEqual(["127.0.0.1"]);
    const clusterIP = await cluster.kubectl("get svc web -o jsonpath={.spec.clusterIP}");
    expect(await dns.resolve4(`web.${DOMAIN}`)).toEqual([clusterIP]);

    await cluster.kubectl("scale statefulset/db --replicas=1");
    await cluster.kubectl("wait --for=delete pod/db-1 --timeout=20s");
    expect(Object.keys(await ports())).toEqual([`db-0.db.${DOMAIN}`]);
    await expect(dns.resolve4(`db-1.db.${DOMAIN}`)).rejects.toMatchObject({ code: "ENOTFOUND" });
    await cluster.kubectl("delete statefulset/db service/db service/web");
    await expect(dns.resolve4(`web.${DOMAIN}`)).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test.skipIf(!canHideFiles)(
    "are found by a program as it would find them in any cluster",
    async ({ skip }) => {
      const nameserver = await cluster.kubectl(
        "get endpointslices -n kube-system -o jsonpath={.items[0].ports[0].port}",
      );
      // Where port 53 could not be had, `resolv.conf` has no way to say where the server is.
      if (nameserver !== "53") skip();
      const look = "require('dns').lookup('kubernetes.default', (e, a) => console.log(e ?? a))";
      const pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "asks" },
        spec: {
          restartPolicy: "Never",
          hostAliases: [{ ip: "192.0.2.9", hostnames: ["legacy.example"] }],
          containers: [
            {
              name: "asks",
              image: "example/asks:1",
              command: [
                "sh",
                "-c",
                `cat /etc/resolv.conf; grep legacy /etc/hosts; exec node -e "${look}"`,
              ],
            },
          ],
        },
      };
      await cluster.apply(pod);
      await cluster.kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/asks --timeout=20s");
      const log = await cluster.kubectl("logs asks");
      expect(log).toMatch(/^nameserver 127\./);
      expect(log).toContain("search default.svc.cluster.local svc.cluster.local cluster.local");
      expect(log).toContain("options ndots:5");
      expect(log).toContain("192.0.2.9\tlegacy.example");
      expect(log.trim().split("\n").at(-1)).toBe("127.96.0.1");
    },
  );
});
