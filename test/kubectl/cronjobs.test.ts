import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with CronJobs", () => {
  const cluster = useCluster();
  const cronJob = (name: string, schedule: string): object => ({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name },
    spec: {
      schedule,
      timeZone: "Etc/UTC",
      jobTemplate: {
        spec: {
          template: {
            spec: {
              restartPolicy: "Never",
              containers: [{ name: "main", image: "local", command: ["/bin/sh", "-c", "echo hi"] }],
            },
          },
        },
      },
    },
  });

  test("a CronJob runs, is seen in get and describe, and takes its Jobs along", async () => {
    await cluster.apply(cronJob("often", "@every 1s"));
    await cluster.kubectl(
      "wait --for=jsonpath={.status.lastSuccessfulTime} --timeout=30s cronjob/often",
    );
    await cluster.kubectl('patch cronjob often -p {"spec":{"suspend":true}}');
    expect(await cluster.kubectl("get cj often --no-headers")).toMatch(
      /^often +@every 1s +Etc\/UTC +True +\d+ +\d+s +\d+s/,
    );
    expect(await cluster.kubectl("describe cronjob often")).toMatch(
      /Concurrency Policy: +Allow[\s\S]*SuccessfulCreate/,
    );
    await cluster.kubectl("delete cronjob often --wait");
    await cluster.kubectl("wait --for=delete job --all --timeout=30s");
  });

  test("what is wrong with a schedule is said", async () => {
    const said = await cluster.failing("apply -f -", JSON.stringify(cronJob("bad", "61 * * * *")));
    expect(said).toContain('spec.schedule: Invalid value: "61 * * * *"');
    expect(said).toContain("ends above the maximum, 59");
  });
});
