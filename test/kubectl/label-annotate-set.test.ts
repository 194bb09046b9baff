import { beforeAll, expect, test } from "vitest";
import { configMap, deployment } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl label, annotate, set and taint", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(() => cluster.apply(configMap("marked"), configMap("also"), deployment("web", 0)));

  test("label sets, refuses to overwrite, overwrites and removes", async () => {
    expect(await kubectl("label cm marked team=a")).toBe("configmap/marked labeled\n");
    expect(await cluster.failing("label cm marked team=b")).toContain("--overwrite is false");
    await kubectl("label cm marked team=b --overwrite");
    await kubectl("label cm marked also stage=test");
    expect(await kubectl("get cm -l stage=test -o name")).toBe(
      "configmap/also\nconfigmap/marked\n",
    );
    expect(await kubectl("label cm marked team-")).toContain("unlabeled");
    expect(await kubectl("get cm marked -o jsonpath={.metadata.labels.team}")).toBe("");
    expect(await cluster.failing("label cm marked bad=not/valid")).toContain("valid label");
  });

  test("annotate", async () => {
    expect(await kubectl("annotate cm marked note=hello")).toBe("configmap/marked annotated\n");
    expect(await kubectl("get cm marked -o jsonpath={.metadata.annotations.note}")).toBe("hello");
    expect(await kubectl("annotate cm marked note-")).toBe("configmap/marked annotated\n");
    expect(await kubectl("annotate --list cm marked")).not.toContain("note");
  });

  test("set image, env, resources and serviceaccount", async () => {
    const of = (path: string): Promise<string> =>
      kubectl(`get deploy web -o jsonpath={.spec.template.spec.${path}}`);
    expect(await kubectl("set image deploy/web main=app:7")).toContain("image updated");
    expect(await of("containers[0].image")).toBe("app:7");
    expect(await kubectl("set env deploy/web MODE=fast LEVEL=3")).toContain("env updated");
    expect(await kubectl("set env deploy/web --list")).toContain("MODE=fast\nLEVEL=3");
    await kubectl("set env deploy/web MODE-");
    expect(await of("containers[0].env[*].name")).toBe("LEVEL");
    await kubectl("set env deploy/web --from=configmap/marked");
    await kubectl("set resources deploy/web --requests=cpu=100m,memory=10Mi --limits=cpu=1");
    expect(await of("containers[0].resources.requests.cpu")).toBe("100m");
    await kubectl("set serviceaccount deploy/web default");
    expect(await of("serviceAccountName")).toBe("default");
    expect(await cluster.failing("set image deploy/web nothing=app:7")).toContain(
      'unable to find container named "nothing"',
    );
  });

  test("taint, cordon and uncordon a node", async () => {
    expect(await kubectl("taint node node-1 special=yes:PreferNoSchedule")).toBe(
      "node/node-1 tainted\n",
    );
    expect(await kubectl("taint node node-1 special:PreferNoSchedule-")).toBe(
      "node/node-1 untainted\n",
    );
    expect(await kubectl("cordon node-1")).toBe("node/node-1 cordoned\n");
    expect(await kubectl("get nodes")).toContain("Ready,SchedulingDisabled");
    expect(await kubectl("uncordon node-1")).toBe("node/node-1 uncordoned\n");
  });
});
