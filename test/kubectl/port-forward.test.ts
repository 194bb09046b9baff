import { createServer } from "node:http";
import { beforeAll, expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

/** Serves what it is sent, and numbers its connections. */
const SERVER = `
let count = 0;
const server = require("node:http").createServer((request, response) => {
  if (request.url === "/big") return response.end(Buffer.alloc(3000000, "b"));
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => response.end(request.socket.number + " " + Buffer.concat(pieces).length));
});
server.on("connection", (socket) => { socket.number = ++count; });
server.listen(Number(process.env.PORT), "127.0.0.1");
`;
const CONTAINER = {
  name: "main",
  image: "x",
  command: ["node", "-e", SERVER],
  ports: [{ containerPort: 8080 }, { containerPort: 9 }],
  readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
};
/** Both ways in which kubectl streams: the second is that of kubectl before 1.31. */
const TRANSPORTS = [
  ["WebSocket", {}],
  ["SPDY/3.1", { KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" }],
] as const;

describeKubectl("kubectl port-forward", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    const labels = { app: "web" };
    await cluster.apply(
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web" },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { terminationGracePeriodSeconds: 1, containers: [CONTAINER] },
          },
        },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web" },
        spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
      },
    );
    await kubectl("wait --for=condition=Available deployment/web --timeout=30s");
  });

  async function forward(target: string, port: number, env: Readonly<Record<string, string>>) {
    const process = cluster.start(`port-forward ${target} :${port}`, { env });
    await process.until(/Forwarding from 127\.0\.0\.1:\d+/);
    const [, local = ""] = /127\.0\.0\.1:(\d+)/.exec(process.output) ?? [];
    return { process, url: `http://127.0.0.1:${local}` };
  }

  test.each(TRANSPORTS)("over %s: many connections, large answers and bodies", async (_, env) => {
    const { process, url } = await forward("deployment/web", 8080, env);
    const one = async (size: number): Promise<string> => {
      const headers = { connection: "close" };
      const answer = await fetch(url, { method: "POST", body: "x".repeat(size), headers });
      return answer.text();
    };
    const answers = await Promise.all([1, 2_000_000, 3, 4, 5, 6, 7, 8].map(one));
    expect(answers.map((text) => Number(text.split(" ")[1]))).toEqual([
      1, 2_000_000, 3, 4, 5, 6, 7, 8,
    ]);
    // Each came through a connection of its own.
    expect(new Set(answers.map((text) => text.split(" ")[0])).size).toBe(8);
    const big = await (await fetch(`${url}/big`)).text();
    expect(big).toBe("b".repeat(3_000_000));
    await process.stop();
  });

  test("to a service's port, and to a pod", async () => {
    const service = await forward("service/web", 80, {});
    expect(await (await fetch(service.url)).text()).toMatch(/^\d+ 0$/);
    await service.process.stop();
    const name = (await kubectl("get pods -l app=web -o name")).trim();
    const pod = await forward(name, 8080, {});
    expect(await (await fetch(pod.url)).text()).toMatch(/^\d+ 0$/);
    await pod.process.stop();
  });

  test.each(TRANSPORTS)("over %s: says what cannot be connected", async (_, env) => {
    const closed = await forward("deployment/web", 9, env);
    await expect(fetch(closed.url)).rejects.toThrow("fetch failed");
    await closed.process.until(/error forwarding port 9/);
    await closed.process.stop();
    // Other programs of the machine are none of the pod's.
    const server = createServer((_request, response) => response.end("secret"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const foreign = await forward("deployment/web", port, env);
    await expect(fetch(foreign.url)).rejects.toThrow("fetch failed");
    await foreign.process.until(new RegExp(`declares no port ${port}`));
    await foreign.process.stop();
    server.close();
  });

  test("kubectl proxy passes it on", async () => {
    const proxy = cluster.start("proxy --port=0 --disable-filter=true");
    await proxy.until(/127\.0\.0\.1:\d+/);
    const [, port = ""] = /127\.0\.0\.1:(\d+)/.exec(proxy.output) ?? [];
    const name = (await kubectl("get pods -l app=web -o name")).trim();
    const through = (command: string): Promise<{ stdout: string; code: number }> =>
      cluster.run(`--server=http://127.0.0.1:${port} ${command}`.split(" "), {
        env: { KUBECONFIG: "/dev/null" },
      });
    expect(await through(`exec ${name} -- echo passed on`)).toMatchObject({
      code: 0,
      stdout: "passed on\n",
    });
    await proxy.stop();
  });
});
