import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with Jobs", () => {
  const cluster = useCluster();
  const job = (name: string, command: string, spec: object = {}): object => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      ...spec,
      template: {
        spec: {
          restartPolicy: "Never",
          containers: [{ name: "main", image: "local", command: ["/bin/sh", "-c", command] }],
        },
      },
    },
  });

  test("wait for a Job, read its logs, see it in get", async () => {
    await cluster.apply(
      job("hello", "echo done $JOB_COMPLETION_INDEX", {
        completions: 2,
        parallelism: 2,
        completionMode: "Indexed",
      }),
    );
    await cluster.kubectl("wait --for=condition=Complete --timeout=30s job/hello");
    expect(
      await cluster.kubectl("logs -l batch.kubernetes.io/job-name=hello --prefix=false"),
    ).toMatch(/done [01]\ndone [01]/);
    expect(await cluster.kubectl("get job hello --no-headers")).toMatch(
      /^hello +Complete +2\/2 +\d+s +\d+s/,
    );
    expect(await cluster.kubectl("get pods -l job-name=hello --no-headers")).toMatch(/Completed/);
    expect(await cluster.kubectl("describe job hello")).toMatch(/Completed Indexes: +0,1/);
  });

  test("a Job that fails says why, and its deletion takes the pods along", async () => {
    await cluster.apply(job("broken", "exit 3", { backoffLimit: 0 }));
    await cluster.kubectl("wait --for=condition=Failed --timeout=30s job/broken");
    expect(
      await cluster.kubectl("get job broken -o jsonpath={.status.conditions[-1:].reason}"),
    ).toBe("BackoffLimitExceeded");
    await cluster.kubectl("delete job broken --wait");
    await cluster.kubectl("wait --for=delete pod -l job-name=broken --timeout=30s");
  });

  test("suspending a running Job ends its pods without a failure", async () => {
    await cluster.apply(job("paused", "sleep 60"));
    await cluster.kubectl("wait --for=jsonpath={.status.ready}=1 --timeout=30s job/paused");
    await cluster.kubectl('patch job paused -p {"spec":{"suspend":true}}');
    await cluster.kubectl("wait --for=condition=Suspended --timeout=30s job/paused");
    await cluster.kubectl("wait --for=delete pod -l job-name=paused --timeout=40s");
    expect(await cluster.kubectl("get job paused -o jsonpath={.status.failed}")).toBe("");
  });
});
