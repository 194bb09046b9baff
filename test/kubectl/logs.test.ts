import { beforeAll, expect, test } from "vitest";
import { deployment, pod, printing } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z /;

describeKubectl("kubectl logs", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    await cluster.apply(
      printing("lines", "for i in 1 2 3 4 5; do echo line $i; done; echo problem >&2"),
      pod("ticking", {
        container: {
          command: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"],
        },
      }),
      pod("falling", {
        container: {
          command: [
            "sh",
            "-c",
            "if [ -e kept/ran ]; then echo second; sleep 1000; fi; touch kept/ran; echo first; exit 3",
          ],
          volumeMounts: [{ name: "kept", mountPath: "/kept" }],
        },
        spec: { volumes: [{ name: "kept", emptyDir: {} }] },
      }),
      pod("pair", {
        spec: {
          containers: ["left", "right"].map((name) => ({
            name,
            image: "x",
            command: ["sh", "-c", `echo from ${name}; sleep 1000`],
          })),
        },
      }),
      deployment("web", 2, { container: { command: ["sh", "-c", "echo web is up; sleep 1000"] } }),
    );
    await kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/lines --timeout=20s");
    await kubectl("wait --for=condition=Available deployment/web --timeout=20s");
    await kubectl("wait --for=condition=Ready pod/pair pod/ticking --timeout=20s");
  });

  test("prints both streams, the last lines, with times, up to a size", async () => {
    const lines = "line 1\nline 2\nline 3\nline 4\nline 5\n";
    const all = await kubectl("logs lines");
    expect(all.replace("problem\n", "")).toBe(lines);
    expect(all).toContain("problem\n");
    expect((await kubectl("logs lines --tail=2")).split("\n")).toHaveLength(3);
    expect(await kubectl("logs lines --tail=0")).toBe("");
    const stamped = (await kubectl("logs lines --timestamps")).trim().split("\n");
    for (const line of stamped) expect(line).toMatch(STAMP);
    expect(await kubectl("logs lines --limit-bytes=10")).toHaveLength(10);
  });

  test("--since and --since-time leave out what is older", async () => {
    expect(await kubectl("logs lines --since=1h")).toContain("line 1");
    expect(await kubectl("logs lines --since-time=2099-01-01T00:00:00Z")).toBe("");
    expect(await cluster.failing("logs lines --since-time=yesterday")).toContain("yesterday");
  });

  test("-f goes on, and ends with the container", async () => {
    const follow = cluster.start("logs -f ticking --tail=1");
    await follow.until(/tick \d+\ntick \d+\ntick \d+/);
    await kubectl("delete pod ticking");
    await follow.ended;
    const ended = cluster.start("logs -f lines");
    await ended.ended;
    expect(ended.output).toContain("line 5");
  });

  test("--previous shows the run before", async () => {
    await kubectl(
      "wait --for=jsonpath={.status.containerStatuses[0].restartCount}=1 pod/falling --timeout=50s",
    );
    await kubectl("wait --for=condition=Ready pod/falling --timeout=20s");
    expect(await kubectl("logs falling --previous")).toBe("first\n");
    const second = cluster.start("logs -f falling");
    await second.until(/^second$/m);
    expect(await cluster.failing("logs lines --previous")).toMatch(
      /previous terminated container "main" in pod "lines" not found/,
    );
  });

  test("of a container, of all, of a deployment, of a selector", async () => {
    expect(await kubectl("logs pair -c right")).toBe("from right\n");
    const both = await kubectl("logs pair --all-containers");
    expect(both.trim().split("\n").sort()).toEqual(["from left", "from right"]);
    expect(await cluster.failing("logs pair -c middle")).toContain(
      "container middle is not valid for pod pair",
    );
    expect(await kubectl("logs deploy/web")).toBe("web is up\n");
    expect(await kubectl("logs -l app=web --prefix")).toMatch(
      /^(\[pod\/web-\S+\/main\] web is up\n){2}$/,
    );
    expect(await cluster.failing("logs nothing")).toContain('pods "nothing" not found');
  });
});
