import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configMap, deployment } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl edit, replace and patch", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  async function edit(script: string, ...args: string[]) {
    const editor = join(cluster.home, "editor.sh");
    await writeFile(editor, `#!/bin/sh\n${script} "$1"\n`);
    await chmod(editor, 0o755);
    return cluster.run(["edit", ...args], { env: { KUBE_EDITOR: editor, EDITOR: editor } });
  }

  test("edit saves what the editor wrote", async () => {
    await cluster.apply(configMap("edited", { a: "1" }));
    expect(await edit(`sed -i 's/a: "1"/a: "5"/'`, "cm", "edited")).toMatchObject({
      code: 0,
      stdout: "configmap/edited edited\n",
    });
    expect(await kubectl("get cm edited -o jsonpath={.data.a}")).toBe("5");
    const { stdout, stderr } = await edit("true", "cm", "edited");
    expect(stdout + stderr).toContain("Edit cancelled, no changes made");
    await cluster.apply(deployment("web", 0));
    expect(
      (await edit("sed -i 's/revisionHistoryLimit: 10/revisionHistoryLimit: 4/'", "deploy", "web"))
        .code,
    ).toBe(0);
    expect(await kubectl("get deploy web -o jsonpath={.spec.revisionHistoryLimit}")).toBe("4");
    const status = await edit(
      "sed -i 's/observedGeneration: [0-9]*/observedGeneration: 77/'",
      "deploy",
      "web",
      "--subresource=status",
    );
    expect(status).toMatchObject({ code: 0 });
  });

  test("replace, also by force", async () => {
    expect(await cluster.failing("replace -f -", manifest(configMap("swapped")))).toContain(
      "not found",
    );
    await cluster.apply(configMap("swapped", { a: "1" }));
    expect(await kubectl("replace -f -", manifest(configMap("swapped", { b: "2" })))).toBe(
      "configmap/swapped replaced\n",
    );
    expect(await kubectl("get cm swapped -o jsonpath={.data}")).toBe('{"b":"2"}');
    const stale = { ...configMap("swapped"), metadata: { name: "swapped", resourceVersion: "1" } };
    expect(await cluster.failing("replace -f -", manifest(stale))).toContain(
      "the object has been modified; please apply your changes to the latest version",
    );
    const uid = await kubectl("get cm swapped -o jsonpath={.metadata.uid}");
    expect(await kubectl("replace --force -f -", manifest(configMap("swapped")))).toContain(
      "replaced",
    );
    expect(await kubectl("get cm swapped -o jsonpath={.metadata.uid}")).not.toBe(uid);
  });

  test("patch: strategic, merge and JSON", async () => {
    await cluster.apply(
      deployment("patched", 0, { container: { env: [{ name: "A", value: "1" }] } }),
    );
    const env = () =>
      kubectl("get deploy patched -o jsonpath={.spec.template.spec.containers[0].env[*].name}");
    const template = (spec: object): string => JSON.stringify({ spec: { template: { spec } } });
    const strategic = template({
      containers: [{ name: "main", env: [{ name: "B", value: "2" }] }],
    });
    expect(await kubectl(`patch deploy patched -p ${strategic}`)).toBe(
      "deployment.apps/patched patched\n",
    );
    expect((await env()).split(" ").sort()).toEqual(["A", "B"]);
    const merge = template({ containers: [{ name: "main", image: "other:1" }] });
    await kubectl(`patch deploy patched --type=merge -p ${merge}`);
    expect(await env()).toBe("");
    await kubectl(
      'patch deploy patched --type=json -p [{"op":"test","path":"/spec/replicas","value":0},{"op":"replace","path":"/spec/minReadySeconds","value":3}]',
    );
    expect(await kubectl("get deploy patched -o jsonpath={.spec.minReadySeconds}")).toBe("3");
    expect(await kubectl(`patch deploy patched -p ${merge}`)).toContain("(no change)");
    expect(
      await cluster.failing(
        'patch deploy patched --type=json -p [{"op":"test","path":"/spec/replicas","value":9}]',
      ),
    ).toContain("The request is invalid: testing value /spec/replicas failed");
    expect(
      await cluster.failing('patch deploy patched --type=merge -p {"spec":{"replicas":-1}}'),
    ).toContain("must be greater than or equal to 0");
    expect(
      await cluster.failing('patch deploy patched --type=merge -p {"spec":{"replicas":"x"}}'),
    ).toContain("replicas");
    expect(await cluster.failing('patch deploy patched --type=merge -p {"spec":')).toMatch(
      /the body is not valid JSON/,
    );
  });

  test("patch --subresource=scale and status", async () => {
    await cluster.apply(deployment("sub", 0));
    await kubectl('patch deploy sub --subresource=scale --type=merge -p {"spec":{"replicas":1}}');
    expect(await kubectl("get deploy sub -o jsonpath={.spec.replicas}")).toBe("1");
    await kubectl(
      'patch node node-1 --subresource=status --type=merge -p {"status":{"capacity":{"example.com/dongle":"4"}}}',
    );
    expect(
      await kubectl("get node node-1 -o jsonpath={.status.capacity.example\\.com/dongle}"),
    ).toBe("4");
    await kubectl('patch deploy sub --subresource=status --type=merge -p {"spec":{"replicas":9}}');
    expect(await kubectl("get deploy sub -o jsonpath={.spec.replicas}")).toBe("1");
  });
});
