/** What becomes part of a path on the node: refused by the API, and not trusted by the node. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  mountTerminationMessage,
  readTerminationMessage,
} from "../../src/engine/node/pod/termination-message.ts";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { containerMounts } from "../../src/engine/node/volumes/container-mounts.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { startServer, type TestServer } from "../engine/apiserver/test-server.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-paths-"));
});
afterAll(() => rm(directory, { recursive: true }));

let api: TestServer;
beforeEach(async () => {
  api = await startServer();
});

const BAD = ["../escape", "..", ".", "a/b", "/etc", "a\u0000b", "a\\..\\b", ""];
const refused = async (operation: Promise<unknown>): Promise<void> => {
  await expect(operation).rejects.toMatchObject({ code: 422 });
};
const pod = (spec: object, metadata: object = {}) =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default", ...metadata },
    spec: { containers: [{ name: "main", image: "i" }], ...spec },
  }) as never;

test.each(BAD)("%j is no name of anything that becomes a path", async (bad) => {
  const { client } = api;
  const main = { name: "main", image: "i" };
  for (const spec of [
    { containers: [{ name: bad, image: "i" }] },
    { initContainers: [{ name: bad, image: "i" }] },
    { volumes: [{ name: bad, emptyDir: {} }] },
  ])
    await refused(client.create(pods, pod({ containers: [main], ...spec })));
  if (bad !== "") await refused(client.create(pods, pod({}, { name: bad })));
  const metadata = { name: "c", namespace: "default" };
  await refused(
    client.create(configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { [bad]: "x" },
    }),
  );
  if (bad !== "")
    await refused(
      client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: bad } }),
    );
});

test.each(["../escape", "..", "a/../../b", "/etc"])("%j is no path in a volume", async (bad) => {
  const volumes = [{ name: "v", emptyDir: {} }];
  const mounted = (mount: object): object => ({
    volumes,
    containers: [
      { name: "main", image: "i", volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] },
    ],
  });
  const items = [{ key: "k", path: bad }];
  for (const spec of [
    mounted({ subPath: bad }),
    mounted({ subPathExpr: bad }),
    { volumes: [{ name: "v", configMap: { name: "c", items } }] },
    { volumes: [{ name: "v", secret: { secretName: "s", items } }] },
    { volumes: [{ name: "v", projected: { sources: [{ configMap: { name: "c", items } }] } }] },
    {
      volumes: [
        {
          name: "v",
          downwardAPI: { items: [{ path: bad, fieldRef: { fieldPath: "metadata.name" } }] },
        },
      ],
    },
  ])
    await refused(api.client.create(pods, pod(spec)));
});

test("the server gives uids, whatever a client asks for", async () => {
  const { metadata } = await api.client.create(pods, pod({}, { uid: "../../escape" }));
  expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
});

test("a log is only read of a container that the pod has", async () => {
  await api.client.create(pods, pod({ nodeName: "n" }));
  for (const container of ["../../../etc/passwd", "..", "other"]) {
    const read = async (): Promise<void> => {
      const log = api.client.logs({ namespace: "default", name: "p" }, { container });
      for await (const _piece of log) throw new Error("something was read");
    };
    await expect(read()).rejects.toMatchObject({ code: 400 });
  }
});

test("a sub-path through a container's link makes nothing outside of the volume", async () => {
  const volume = join(directory, "volume");
  const outside = join(directory, "outside");
  await mkdir(volume);
  await mkdir(outside);
  await symlink(outside, join(volume, "link"));
  await symlink(join(directory, "nowhere"), join(volume, "dangling"));
  const mount = (subPath: string, isProjected: boolean): Promise<unknown> =>
    containerMounts({
      container: { name: "main", volumeMounts: [{ name: "v", mountPath: "/v", subPath }] },
      volumes: new Map([["v", volume]]),
      env: new Map(),
      subPathDirectory: join(directory, "copies"),
      isProjected: () => isProjected,
    });
  for (const subPath of ["link", "link/deeper/still", "dangling", "dangling/deeper"])
    await expect(mount(subPath, false), subPath).rejects.toThrow(/leads out of the volume/);
  await expect(mount("link", true)).rejects.toThrow(/leads out of the volume/);
  expect(existsSync(join(outside, "deeper"))).toBe(false);
  expect(existsSync(join(directory, "nowhere"))).toBe(false);
});

test("a termination message that is a link or a pipe is neither followed nor waited for", async () => {
  const container = { name: "main" };
  const secret = join(directory, "secret");
  await writeFile(secret, "not to be told");
  const { hostPath } = await mountTerminationMessage(directory, container);
  const read = (): Promise<string> =>
    readTerminationMessage(directory, container, { exitCode: 1 } as never, "none");
  await writeFile(hostPath, "bye");
  expect(await read()).toBe("bye");
  await rm(hostPath);
  await symlink(secret, hostPath);
  expect(await read()).toBe("");
  await rm(hostPath);
  execFileSync("mkfifo", [hostPath]);
  expect(await read()).toBe("");
});

test("removing a pod removes its links, not what they lead to", async () => {
  const podsDirectory = join(directory, "pods");
  const precious = join(directory, "precious");
  await mkdir(precious);
  await writeFile(join(precious, "file"), "kept");
  const runtime = await openProcessRuntime({ podsDirectory });
  const sandbox = await runtime.ensureSandbox({
    podUid: "uid-1",
    namespace: "default",
    name: "p",
    ports: [],
  });
  await symlink(precious, join(sandbox.directory, "volumes", "link"));
  await mkdir(join(sandbox.directory, "containers", "main"), { recursive: true });
  await symlink(precious, join(sandbox.directory, "containers", "main", "root"));
  await runtime.removeSandbox("uid-1");
  await runtime.close();
  expect(existsSync(sandbox.directory)).toBe(false);
  expect(existsSync(join(precious, "file"))).toBe(true);
});
