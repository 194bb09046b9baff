import { beforeAll, expect, test } from "vitest";
import { widgetDefinition } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

const widget = (name: string, spec: object): object => ({
  apiVersion: "test.gantry.dev/v1",
  kind: "Widget",
  metadata: { name },
  spec,
});

describeKubectl("custom resources with kubectl", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    await kubectl("create -f -", manifest(widgetDefinition));
    await kubectl("wait --for=condition=Established crd/widgets.test.gantry.dev --timeout=20s");
  });

  test("are created, shown in their own columns, changed and deleted", async () => {
    expect(await cluster.apply(widget("small", { size: 1 }))).toBe(
      "widget.test.gantry.dev/small created\n",
    );
    expect(await kubectl("get widgets")).toMatch(/^NAME +SIZE +AGE\nsmall +1 +\d+s\n$/);
    expect(await kubectl("get wd small -o wide")).toMatch(/NAME +SIZE +COLOUR +AGE\nsmall +1 +red/);
    expect(await cluster.apply(widget("small", { size: 2, colour: "green" }))).toContain(
      "configured",
    );
    expect(await cluster.apply(widget("small", { size: 2, colour: "green" }))).toContain(
      "unchanged",
    );
    expect(await kubectl("scale widget/small --replicas=5")).toContain("scaled");
    expect(await kubectl("get widget small -o jsonpath={.spec.size}")).toBe("5");
    await kubectl('patch widget small --subresource=status --type=merge -p {"status":{"size":5}}');
    expect(
      await kubectl("get widget small -o jsonpath={.status.size}/{.metadata.generation}"),
    ).toBe("5/3");
    expect(
      await kubectl(
        "apply --server-side --force-conflicts -f -",
        manifest(widget("small", { size: 6 })),
      ),
    ).toContain("serverside-applied");
    expect(await kubectl("label widget small a=b")).toContain("labeled");
    expect(await kubectl("describe widget small")).toMatch(/Spec:\n +Colour: +red\n +Size: +6/);
    expect(await kubectl("delete widget small")).toContain('"small" deleted');
    expect((await cluster.run(["get", "widgets"])).stderr).toBe(
      "No resources found in default namespace.\n",
    );
  });

  test("are held to their schema", async () => {
    expect(await cluster.failing("apply -f -", manifest(widget("bad", { size: -1 })))).toMatch(
      /The Widget "bad" is invalid: spec\.size: Invalid value: -1: .*greater than or equal to 0/,
    );
    expect(await cluster.failing("apply -f -", manifest(widget("bad", {})))).toMatch(
      /spec\.size: Required value|missing required field "size"/,
    );
    expect(
      await cluster.failing("apply -f -", manifest(widget("bad", { size: 1, colour: "blue" }))),
    ).toContain('supported values: "red", "green"');
    expect(
      await cluster.failing("apply -f -", manifest(widget("bad", { size: 1, shape: "round" }))),
    ).toContain('unknown field "spec.shape"');
  });

  test("are explained and discovered", async () => {
    expect(await kubectl("explain widget.spec")).toMatch(
      /What is wanted\.[^]*size\t<integer> -required-\n +The number of widgets\./,
    );
    expect(await kubectl("api-resources --api-group=test.gantry.dev")).toMatch(
      /widgets +wd +test.gantry.dev\/v1 +true +Widget/,
    );
    expect(await kubectl("get crd")).toContain("widgets.test.gantry.dev");
  });

  test("go with their definition", async () => {
    await cluster.apply(widget("last", { size: 1 }));
    await kubectl("delete crd widgets.test.gantry.dev");
    expect(await cluster.failing("get widgets.test.gantry.dev")).toMatch(
      /doesn't have a resource type|could not find the requested resource/,
    );
    expect(await kubectl("api-versions")).not.toContain("test.gantry.dev");
  });
});
