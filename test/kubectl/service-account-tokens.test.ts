import { chmod } from "node:fs/promises";
import { request } from "node:https";
import { expect, it } from "vitest";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

const cluster = useCluster();
const SECONDS = 60;
const robot = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } };
const PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

async function ca(): Promise<string> {
  return cluster.kubectl("get configmap kube-root-ca.crt -o jsonpath={.data.ca\\.crt}");
}

/** A client with nothing but a token and the published authority. */
async function ask(path: string, token: string): Promise<{ code: number; body: string }> {
  const url = new URL(path, cluster.address);
  const options = { ca: await ca(), headers: { authorization: `Bearer ${token}` } };
  return new Promise((resolve, reject) => {
    request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    })
      .on("error", reject)
      .end();
  });
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;

describeKubectl("tokens of service accounts", () => {
  it("are made by kubectl, for the audience and time that it names", async () => {
    await cluster.apply(robot);
    const token = (
      await cluster.kubectl("create token robot --duration=20m --audience=vault")
    ).trim();
    const { aud, exp, iat } = claimsOf(token);
    expect(aud).toEqual(["vault"]);
    expect(Number(exp) - Number(iat)).toBe(1200);
    expect(await cluster.failing("create token robot --duration=1m")).toContain(
      "may not specify a duration less than 10 minutes",
    );
    expect(await cluster.failing("create token nobody")).toContain(
      'serviceaccounts "nobody" not found',
    );
  });

  it("let in as the account, which may look around and read no Secret", async () => {
    await cluster.apply(robot);
    const token = (await cluster.kubectl("create token robot")).trim();
    const whoami = await cluster.run(["auth", "whoami", "-o", "json", "--token", token]);
    expect(JSON.parse(whoami.stdout)).toMatchObject({
      status: {
        userInfo: {
          username: "system:serviceaccount:default:robot",
          groups: [
            "system:serviceaccounts",
            "system:serviceaccounts:default",
            "system:authenticated",
          ],
        },
      },
    });
    expect((await ask("/api", token)).code).toBe(200);
    expect((await ask("/api/v1/namespaces/default/secrets", token)).code).toBe(403);
    expect((await ask("/api/v1/namespaces/kube-system/configmaps", token)).code).toBe(403);
    expect((await ask("/api", `${token}x`)).code).toBe(401);
    await cluster.kubectl("delete serviceaccount robot");
    expect((await ask("/api", token)).code).toBe(401);
  });

  it("are reviewed for those who are shown one", async () => {
    await cluster.apply(robot);
    const token = (await cluster.kubectl("create token robot --audience=vault")).trim();
    const review = async (audiences: string[], presented = token): Promise<unknown> => {
      const object = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        metadata: { name: "" },
        spec: { token: presented, audiences },
      };
      const answer = await cluster.kubectl("create -o json -f -", manifest(object));
      return (JSON.parse(answer) as { status: unknown }).status;
    };
    expect(await review(["vault", "other"])).toMatchObject({
      authenticated: true,
      audiences: ["vault"],
      user: { username: "system:serviceaccount:default:robot" },
    });
    expect(await review([])).toMatchObject({
      error: expect.stringContaining("invalid") as unknown,
    });
    expect(await review(["vault"], "nonsense")).not.toMatchObject({ authenticated: true });
  });

  it("can be verified by everybody with the keys that the API publishes", async () => {
    const configuration = JSON.parse(
      await cluster.kubectl("get --raw /.well-known/openid-configuration"),
    ) as { issuer: string; jwks_uri: string };
    expect(configuration.issuer).toBe("https://kubernetes.default.svc.cluster.local");
    expect(configuration.jwks_uri).toBe(`${cluster.address}/openid/v1/jwks`);
    const { keys } = JSON.parse(await cluster.kubectl("get --raw /openid/v1/jwks")) as {
      keys: { kid: string; d?: string }[];
    };
    await cluster.apply(robot);
    const token = (await cluster.kubectl("create token robot")).trim();
    const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as {
      kid: string;
    };
    expect(keys.map(({ kid }) => kid)).toContain(header.kid);
    expect(keys.every(({ d }) => d === undefined)).toBe(true);
  });

  it("fill the Secrets that ask for one, which go with their account", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/service-account-token",
      metadata: {
        name: "forever",
        annotations: { "kubernetes.io/service-account.name": "robot" },
      },
    };
    await cluster.apply(robot, secret);
    await cluster.kubectl("wait --for=jsonpath={.data.token} secret/forever --timeout=20s");
    const described = await cluster.kubectl("describe secret forever");
    expect(described).toContain("kubernetes.io/service-account.uid");
    expect(described).toMatch(/namespace:\s+7 bytes/);
    const token = /token:\s+(\S+)/.exec(described)?.[1] ?? "";
    expect((await ask("/api", token)).code).toBe(200);
    await cluster.kubectl("delete serviceaccount robot");
    await cluster.kubectl("wait --for=delete secret/forever --timeout=20s");
    expect((await ask("/api", token)).code).toBe(401);
  });
});

const program = `
  const { readFileSync } = require("node:fs");
  const https = require("node:https");
  const [directory] = process.argv.slice(1);
  const read = (name) => readFileSync(directory + "/" + name, "utf8");
  const namespace = read("namespace");
  https.get({
    host: process.env.KUBERNETES_SERVICE_HOST,
    port: process.env.KUBERNETES_SERVICE_PORT,
    path: "/api/v1",
    ca: read("ca.crt"),
    headers: { authorization: "Bearer " + read("token") },
  }, (response) => {
    let body = "";
    response.on("data", (chunk) => { body += chunk; });
    response.on("end", () => console.log(response.statusCode, JSON.parse(body).kind, namespace));
  });
`;
const client = (name: string, extra: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: {
    restartPolicy: "Never",
    containers: [
      { name: "main", image: "client", command: ["node", "-e", program, PATH], ...extra },
    ],
  },
});

describeKubectl("a pod", () => {
  it(
    "talks to the API with the token, authority and address that it finds",
    async () => {
      await cluster.apply(client("client"));
      await cluster.kubectl(
        "wait --for=jsonpath={.status.phase}=Succeeded pod/client --timeout=30s",
      );
      expect((await cluster.kubectl("logs client")).trim()).toBe("200 APIResourceList default");
      const described = await cluster.kubectl("describe pod client");
      expect(described).toMatch(
        /\/var\/run\/secrets\/kubernetes.io\/serviceaccount from kube-api-access-\w{5} \(ro\)/,
      );
      expect(described).toMatch(/TokenExpirationSeconds:\s+3607/);
      expect(described).toMatch(/ConfigMapName:\s+kube-root-ca.crt/);
    },
    SECONDS * 1000,
  );

  it.runIf(process.platform === "linux" && process.getuid?.() === 0)(
    "finds them where client libraries look, as another user, too",
    async () => {
      // Other users must get as far as the data directory.
      await chmod(cluster.home, 0o711);
      // In pieces, or the runtime would translate the path.
      const look = `cat /var/run/secrets/""kubernetes.io/serviceaccount/namespace; echo; exec sleep 60`;
      const pod = client("looking", { command: ["sh", "-c", look] });
      const securityContext = { runAsUser: 65534, runAsGroup: 65534 };
      await cluster.apply(pod, {
        ...pod,
        metadata: { name: "looking-as-nobody" },
        spec: { ...pod.spec, securityContext },
      });
      for (const name of ["looking", "looking-as-nobody"]) {
        await cluster.kubectl(`wait --for=condition=Ready pod/${name} --timeout=30s`);
        await expect.poll(() => cluster.kubectl(`logs ${name}`)).toBe("default\n");
      }
    },
    SECONDS * 1000,
  );

  it("gets none when it, or its account, says so", async () => {
    await cluster.apply(
      { ...robot, automountServiceAccountToken: false },
      { ...client("without"), spec: { ...client("").spec, serviceAccountName: "robot" } },
    );
    expect(await cluster.kubectl("get pod without -o jsonpath={.spec.volumes}")).toBe("");
    await cluster.apply({
      ...client("with"),
      spec: {
        ...client("").spec,
        serviceAccountName: "robot",
        automountServiceAccountToken: true,
      },
    });
    expect(await cluster.kubectl("get pod with -o jsonpath={.spec.volumes[*].name}")).toMatch(
      /^kube-api-access-/,
    );
  });

  it("keeps what it mounts there itself", async () => {
    const own = { volumeMounts: [{ name: "own", mountPath: PATH }] };
    const pod = client("own", own);
    await cluster.apply({
      ...pod,
      spec: { ...pod.spec, volumes: [{ name: "own", emptyDir: {} }] },
    });
    expect(await cluster.kubectl("get pod own -o jsonpath={.spec.volumes[*].name}")).toBe("own");
  });

  it("gets the pull secrets of its account, unless it has its own", async () => {
    await cluster.apply({ ...robot, imagePullSecrets: [{ name: "registry" }] });
    const pod = client("pulling");
    await cluster.apply({ ...pod, spec: { ...pod.spec, serviceAccountName: "robot" } });
    const path = "jsonpath={.spec.imagePullSecrets[*].name}";
    expect(await cluster.kubectl(`get pod pulling -o ${path}`)).toBe("registry");
  });
});
