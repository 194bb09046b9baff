import { beforeAll, expect, test } from "vitest";
import { pod } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl exec", () => {
  const cluster = useCluster();
  const { kubectl, failing } = cluster;

  beforeAll(async () => {
    await cluster.apply(
      pod("web", {
        container: { command: ["/bin/sleep", "600"], env: [{ name: "GREETING", value: "hello" }] },
      }),
      pod("pair", {
        spec: {
          containers: ["left", "right"].map((name) => ({
            name,
            image: "x",
            command: ["/bin/sleep", "600"],
            env: [{ name: "SIDE", value: name }],
          })),
        },
      }),
    );
    await kubectl("wait --for=condition=Ready pod/web pod/pair --timeout=20s");
  });

  test("prints both outputs apart, and exits with the command's code", async () => {
    const { code, stdout, stderr } = await cluster.run(
      "exec web -- sh -c".split(" ").concat('echo "$GREETING"; echo problem >&2; exit 7'),
    );
    expect({ code, stdout }).toEqual({ code: 7, stdout: "hello\n" });
    expect(stderr).toBe("problem\ncommand terminated with exit code 7\n");
    expect(await kubectl("exec web -- true")).toBe("");
  });

  test("-i sends input, to its end", async () => {
    expect(await kubectl("exec -i web -- cat", "some text\n")).toBe("some text\n");
    expect(await kubectl("exec -i web -- wc -c", "x".repeat(3_000_000))).toBe("3000000\n");
  });
});
