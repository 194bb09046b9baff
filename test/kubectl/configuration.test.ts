/** ConfigMaps, Secrets and volumes in a pod, through a stock kubectl and real processes. */
import { expect, it } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const cluster = useCluster();
const TIMEOUT_MS = 60_000;

/** Prints a line for each file whenever one of them changes. */
const WATCHER = `
  const { readFileSync } = require("node:fs");
  let last = "";
  setInterval(() => {
    const now = process.argv.slice(1).map((path) => {
      try { return readFileSync(path, "utf8"); } catch (error) { return error.code; }
    }).join("|");
    if (now !== last) console.log(last = now);
  }, 20);
`;
const pod = (name: string, container: object, spec: object = {}, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "main", image: "watcher", ...container }],
    ...spec,
  },
});
const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
const secret = (name: string, stringData: Record<string, string>, type?: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name },
  stringData,
  ...(type === undefined ? {} : { type }),
});
const logs = (name: string) => () => cluster.kubectl(`logs ${name}`);
const patch = (what: string, body: object): Promise<unknown> =>
  cluster.run(["patch", ...what.split(" "), "--type=merge", "-p", JSON.stringify(body)]);

describeKubectl("configuration", () => {
  it(
    "in files follows its objects, in sub-paths and variables it does not",
    async () => {
      await cluster.apply(
        configMap("live", { colour: "blue" }),
        secret("keys", { token: "one" }),
        pod(
          "follower",
          {
            command: ["node", "-e", WATCHER],
            args: ["/all/colour", "/all/secrets/token", "/all/labels", "/fixed/colour"],
            envFrom: [{ prefix: "LIVE_", configMapRef: { name: "live" } }],
            volumeMounts: [
              { name: "all", mountPath: "/all" },
              { name: "all", mountPath: "/fixed/colour", subPath: "colour" },
            ],
          },
          {
            volumes: [
              {
                name: "all",
                projected: {
                  sources: [
                    { configMap: { name: "live" } },
                    { secret: { name: "keys", items: [{ key: "token", path: "secrets/token" }] } },
                    {
                      downwardAPI: {
                        items: [
                          {
                            path: "labels",
                            fieldRef: { fieldPath: "metadata.labels['tier']" },
                          },
                        ],
                      },
                    },
                  ],
                },
              },
            ],
          },
          { labels: { tier: "front" } },
        ),
      );
      await expect.poll(logs("follower"), { timeout: 20_000 }).toBe("blue|one|front|blue\n");
      await cluster.kubectl("label pod follower tier=back --overwrite");
      await patch("configmap live", { data: { colour: "green" } });
      await patch("secret keys", { stringData: { token: "two" } });
      await expect
        .poll(logs("follower"), { timeout: 20_000 })
        .toMatch(/\ngreen\|two\|back\|blue\n$/);
      const described = await cluster.kubectl("describe pod follower");
      expect(described).toMatch(/Type:\s+Projected/);
      expect(described).toMatch(/\/fixed\/colour from all \(rw,path="colour"\)/);
      expect(described).toMatch(/live\s+ConfigMap with prefix 'LIVE_'\s+Optional: false/);
      await cluster.kubectl("delete pod follower --wait=false");
    },
    TIMEOUT_MS,
  );

  it(
    "that is missing holds the container, which starts once it is there",
    async () => {
      await cluster.apply(
        pod("waiting", {
          command: ["sh", "-c", "echo $COLOUR; exec sleep 60"],
          env: [
            { name: "COLOUR", valueFrom: { configMapKeyRef: { name: "later", key: "colour" } } },
          ],
        }),
      );
      await expect
        .poll(() => cluster.kubectl("get pod waiting --no-headers"), { timeout: 20_000 })
        .toContain("CreateContainerConfigError");
      expect(await cluster.kubectl("describe pod waiting")).toContain(
        'Error: configmap "later" not found',
      );
      await cluster.apply(configMap("later", { colour: "red" }));
      await cluster.kubectl("wait --for=condition=Ready pod/waiting --timeout=30s");
      expect(await cluster.kubectl("logs waiting")).toBe("red\n");
      await cluster.kubectl("delete pod waiting --wait=false");
    },
    TIMEOUT_MS,
  );

  it("of a type must hold what the type promises", async () => {
    const refusals: [string, object, string][] = [
      ["kubernetes.io/tls", { "tls.crt": "x" }, "data[tls.key]: Required value"],
      ["kubernetes.io/basic-auth", {}, "data[username]: Required value"],
      ["kubernetes.io/ssh-auth", {}, "data[ssh-privatekey]: Required value"],
      ["kubernetes.io/dockerconfigjson", { ".dockerconfigjson": "no" }, "secret contents redacted"],
      ["kubernetes.io/service-account-token", {}, "metadata.annotations"],
    ];
    for (const [type, data, problem] of refusals)
      expect(
        await cluster.failing(
          "create -f -",
          JSON.stringify(secret("typed", data as Record<string, string>, type)),
        ),
      ).toContain(problem);
    await cluster.kubectl("create secret generic plain --from-literal=a=b");
    expect(
      (await cluster.run(["patch", "secret", "plain", "-p", '{"type":"kubernetes.io/tls"}']))
        .stderr,
    ).toContain("field is immutable");
  });

  it(
    "that is of no use to this node is refused in an Event that says what would be",
    async () => {
      const volumes = {
        image: { image: { reference: "registry.example/data:1" } },
        nfs: { nfs: { server: "files", path: "/" } },
        trust: { projected: { sources: [{ clusterTrustBundle: { name: "ca", path: "ca.pem" } }] } },
      };
      const messages = {
        image: "volumes of type image are not supported by this node: the runtime does not pull",
        nfs: "volumes of type nfs are not supported by this node: use configMap",
        trust:
          "projected volumes from clusterTrustBundle are not supported by this node; use configMap",
      };
      for (const [name, source] of Object.entries(volumes))
        await cluster.apply(
          pod(`odd-${name}`, { command: ["sleep", "60"] }, { volumes: [{ name: "v", ...source }] }),
        );
      for (const [name, message] of Object.entries(messages))
        await expect
          .poll(() => cluster.kubectl(`describe pod odd-${name}`), { timeout: 20_000 })
          .toContain(message);
      for (const name of Object.keys(volumes))
        await cluster.kubectl(`delete pod odd-${name} --grace-period=0 --force`);
    },
    TIMEOUT_MS,
  );
});
