import { expect, test } from "vitest";
import { configMap, deployment, pod, printing } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl wait", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  test("for a condition, true or false", async () => {
    await cluster.apply(pod("one"), deployment("web", 1));
    expect(await kubectl("wait --for=condition=Ready pod/one --timeout=20s")).toBe(
      "pod/one condition met\n",
    );
    expect(
      await kubectl("wait --for=condition=Available deployment --all --timeout=20s"),
    ).toContain("web condition met");
    await cluster.apply(printing("over", "true"));
    expect(await kubectl("wait --for=condition=Ready=False pod/over --timeout=20s")).toBe(
      "pod/over condition met\n",
    );
  });

  test("for a value", async () => {
    await cluster.apply(printing("done", "true"));
    expect(
      await kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/done --timeout=20s"),
    ).toContain("met");
    expect(await kubectl("wait --for=jsonpath={.status.podIP} pod/done --timeout=20s")).toContain(
      "met",
    );
  });

  test("for what is to be made, and what is to go", async () => {
    const create = cluster.start("wait --for=create configmap/later --timeout=20s");
    await cluster.apply(configMap("later"));
    await create.until(/configmap\/later condition met/);
    const gone = cluster.start("wait --for=delete configmap/later --timeout=20s");
    await kubectl("delete configmap later");
    // Prints nothing when the object has gone before it looks.
    expect(await gone.ended).toBe(0);
    expect(await cluster.failing("get configmap later")).toContain("not found");
  });

  test("gives up in time", async () => {
    await cluster.apply(configMap("never"));
    expect(
      await cluster.failing("wait --for=jsonpath={.data.a}=1 configmap/never --timeout=1s"),
    ).toContain("timed out waiting for the condition on configmaps/never");
  });
});
