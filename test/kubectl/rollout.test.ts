import { beforeAll, expect, test } from "vitest";
import { deployment } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl rollout and scale", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;
  const image = (): Promise<string> =>
    kubectl("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}");
  const done = (): Promise<string> => kubectl("rollout status deployment/web --timeout=25s");

  beforeAll(async () => {
    await cluster.apply(deployment("web", 2));
  });

  test("status waits for the end and says so", async () => {
    expect(await done()).toMatch(/deployment "web" successfully rolled out\n$/);
    const status = cluster.start("rollout status deployment/web --watch=false");
    await status.ended;
    expect(status.output).toContain("successfully rolled out");
  });

  test("set image rolls out; history lists revisions; undo goes back", async () => {
    expect(await kubectl("set image deployment/web main=sleeper:2")).toBe(
      "deployment.apps/web image updated\n",
    );
    await kubectl("annotate deployment/web kubernetes.io/change-cause=second");
    expect(await done()).toContain("successfully rolled out");
    const history = await kubectl("rollout history deployment/web");
    expect(history).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +second\n/);
    expect(await kubectl("rollout history deployment/web --revision=1")).toMatch(
      /Image:\tsleeper:1/,
    );
    expect(await kubectl("rollout undo deployment/web")).toBe("deployment.apps/web rolled back\n");
    expect(await done()).toContain("successfully rolled out");
    expect(await image()).toBe("sleeper:1");
    expect(await kubectl("rollout history deployment/web")).not.toMatch(/^1 /m);
    expect(await kubectl("rollout undo deployment/web --to-revision=2")).toContain("rolled back");
    await done();
    expect(await image()).toBe("sleeper:2");
    expect(await cluster.failing("rollout undo deployment/web --to-revision=99")).toContain(
      "unable to find specified revision 99",
    );
  });

  test("restart replaces every pod", async () => {
    const names = async () => (await kubectl("get pods -l app=web -o name")).trim().split("\n");
    const before = await names();
    expect(await kubectl("rollout restart deployment/web")).toBe("deployment.apps/web restarted\n");
    await done();
    const after = (await names()).filter((name) => before.includes(name));
    for (const name of after) await kubectl(`wait --for=delete ${name} --timeout=20s`);
  });

  test("pause holds a change back until resume", async () => {
    expect(await kubectl("rollout pause deployment/web")).toBe("deployment.apps/web paused\n");
    expect(await cluster.failing("rollout pause deployment/web")).toContain("is already paused");
    await kubectl("set image deployment/web main=sleeper:3");
    await kubectl(
      "wait --for=jsonpath={.status.observedGeneration}=" +
        (await kubectl("get deploy web -o jsonpath={.metadata.generation}")) +
        " deployment/web --timeout=20s",
    );
    expect(
      await kubectl(
        "get rs -l app=web -o jsonpath={.items[*].spec.template.spec.containers[0].image}",
      ),
    ).not.toContain("sleeper:3");
    expect(await cluster.failing("rollout undo deployment/web")).toContain(
      "you cannot rollback a paused deployment",
    );
    expect(await kubectl("rollout resume deployment/web")).toBe("deployment.apps/web resumed\n");
    await done();
    expect(
      await kubectl(
        "get rs -l app=web -o jsonpath={.items[*].spec.template.spec.containers[0].image}",
      ),
    ).toContain("sleeper:3");
  });

  test("scale, also under a condition, and of what is not there", async () => {
    expect(await kubectl("scale deployment/web --replicas=3")).toBe("deployment.apps/web scaled\n");
    await kubectl("wait --for=jsonpath={.status.readyReplicas}=3 deployment/web --timeout=20s");
    expect(await kubectl("scale deployment web --current-replicas=3 --replicas=1")).toContain(
      "scaled",
    );
    expect(
      await cluster.failing("scale deployment/web --current-replicas=3 --replicas=2"),
    ).toContain("Expected replicas to be 3, was 1");
    await kubectl("wait --for=jsonpath={.status.replicas}=1 deployment/web --timeout=20s");
    expect(
      await kubectl(
        "get deployment web --subresource=scale -o jsonpath={.spec.replicas}/{.status.selector}",
      ),
    ).toBe("1/app=web");
    expect(await cluster.failing("scale deployment/nothing --replicas=2")).toMatch(
      /not found|no objects passed to scale/,
    );
    expect(await cluster.failing("scale deployment/web --replicas=-1")).toMatch(
      /--replicas|greater than or equal to 0/,
    );
  });

  test("a rollout that makes no progress fails", async () => {
    await cluster.apply(
      deployment("stuck", 1, {
        container: { command: ["/no/such/program"] },
        more: { progressDeadlineSeconds: 1 },
      }),
    );
    expect(await cluster.failing("rollout status deployment/stuck --timeout=25s")).toContain(
      "exceeded its progress deadline",
    );
  });
});
