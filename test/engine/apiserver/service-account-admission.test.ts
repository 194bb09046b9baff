import { beforeEach, describe, expect, it } from "vitest";
import { pods, type Pod } from "../../../src/kube/kinds/pod.ts";
import { serviceAccounts, type ServiceAccount } from "../../../src/kube/kinds/serviceaccount.ts";
import { startTokenServer, type TokenServer } from "./service-accounts/token-server.ts";
import { inDefault, pod, startServer } from "./test-server.ts";

const PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
let test: TokenServer;
beforeEach(async () => {
  test = await startTokenServer();
});
const create = (spec: Partial<NonNullable<Pod["spec"]>> = {}, name = "web"): Promise<Pod> =>
  test.client.create(pods, pod(name, spec));
const setAccount = (body: Partial<ServiceAccount>) =>
  test.client.patch(serviceAccounts, inDefault("robot"), {
    type: "merge",
    body: JSON.parse(JSON.stringify(body)) as never,
  });
const mountsOf = ({ spec }: Pod): (string | undefined)[] =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
    ({ volumeMounts = [] }) => volumeMounts.find(({ mountPath }) => mountPath === PATH)?.name,
  );

describe("a new pod", () => {
  it("gets one volume with token, authority and namespace, mounted in every container", async () => {
    const container = { name: "main", image: "app" };
    const { spec } = await create({
      containers: [container, { ...container, name: "side" }],
      initContainers: [{ ...container, name: "init" }],
    });
    const [volume] = spec?.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [
              {
                path: "namespace",
                fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" },
              },
            ],
          },
        },
      ],
    });
    const mount = { name: volume?.name, mountPath: PATH, readOnly: true };
    for (const each of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])])
      expect(each.volumeMounts).toEqual([mount]);
  });

  it.each<[string, boolean | undefined, boolean | undefined, boolean]>([
    ["nobody says otherwise", undefined, undefined, true],
    ["the account says no", false, undefined, false],
    ["the pod says no", true, false, false],
    ["the pod says yes over the account", false, true, true],
  ])("gets it or not: %s", async (_, ofAccount, ofPod, expected) => {
    if (ofAccount !== undefined) await setAccount({ automountServiceAccountToken: ofAccount });
    const made = await create({
      serviceAccountName: "robot",
      ...(ofPod === undefined ? {} : { automountServiceAccountToken: ofPod }),
    });
    expect(mountsOf(made)).toEqual([expected ? expect.any(String) : undefined]);
  });

  it("keeps what a container mounts there, and shares a volume that it brings", async () => {
    const own = { name: "own", mountPath: PATH };
    const { spec } = await create({
      containers: [{ name: "main", image: "app", volumeMounts: [own] }],
      volumes: [{ name: "own", emptyDir: {} }],
    });
    expect(spec?.volumes?.map(({ name }) => name)).toEqual(["own"]);
    const copied = await create(
      { volumes: [{ name: "kube-api-access-abcde", projected: { sources: [] } }] },
      "copied",
    );
    expect(mountsOf(copied)).toEqual(["kube-api-access-abcde"]);
    expect(copied.spec?.volumes).toHaveLength(1);
  });

  it("that a node runs by itself gets none", async () => {
    const mirror = pod("mirror");
    const made = await test.client.create(pods, {
      ...mirror,
      metadata: { ...mirror.metadata, annotations: { "kubernetes.io/config.mirror": "x" } },
    });
    expect(mountsOf(made)).toEqual([undefined]);
  });

  it("gets the account's pull secrets only when it has none", async () => {
    await setAccount({ imagePullSecrets: [{ name: "registry" }] });
    const account = { serviceAccountName: "robot" };
    const own = { ...account, imagePullSecrets: [{ name: "own" }] };
    expect((await create(account)).spec?.imagePullSecrets).toEqual([{ name: "registry" }]);
    expect((await create(own, "own")).spec?.imagePullSecrets).toEqual([{ name: "own" }]);
  });

  it("of an account that there is not is refused", async () => {
    await expect(create({ serviceAccountName: "nobody" })).rejects.toThrow(
      'error looking up service account default/nobody: serviceaccount "nobody" not found',
    );
  });
});

it("an update adds nothing: the volume is part of what was created", async () => {
  const made = await create({ automountServiceAccountToken: false });
  const labels = { app: "web" };
  const updated = await test.client.patch(pods, inDefault("web"), {
    type: "merge",
    body: { metadata: { labels } },
  });
  expect(updated.spec).toEqual(made.spec);
});

it("applying the manifest again changes nothing", async () => {
  const body = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default" },
    spec: { containers: [{ name: "main", image: "app:1" }] },
  };
  const apply = () =>
    test.client.patch(pods, inDefault("web"), { type: "apply", body }, { fieldManager: "gitops" });
  const first = await apply();
  expect(mountsOf(first)).toEqual([expect.stringContaining("kube-api-access-")]);
  expect((await apply()).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
});

it("what was added belongs to no field manager", async () => {
  const { metadata } = await create();
  expect(metadata.managedFields).not.toEqual([]);
  expect(JSON.stringify(metadata.managedFields)).not.toMatch(/kube-api-access|volumeMounts/);
});

it("without keys to sign with, nothing is mounted", async () => {
  const { client } = await startServer();
  expect(mountsOf(await client.create(pods, pod("web")))).toEqual([undefined]);
});
