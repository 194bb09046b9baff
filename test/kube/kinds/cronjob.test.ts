/** What a CronJob's schedule may be, what it means, and how it is shown. */
import { describe, expect, test } from "vitest";
import { scheduledTimes } from "../../../src/engine/controllers/cronjob/scheduled-times.ts";
import { type CronJob, cronJobs } from "../../../src/kube/kinds/cronjob.ts";
import { cells, completed, type Draft, draft, problems } from "./checked.ts";

const template = {
  spec: { restartPolicy: "Never", containers: [{ name: "app", image: "tick:1" }] },
};
const spec = { schedule: "*/5 * * * *", jobTemplate: { spec: { template } } };
const check = (changed: Draft) =>
  problems<CronJob>(cronJobs, { metadata: { name: "tick" }, spec: { ...spec, ...changed } });

describe("a schedule", () => {
  test.each([
    ["* * * * *"],
    ["0 0 1,15 * mon-fri"],
    ["5/10 * ? JAN-MAR Sun"],
    ["0-30/5 2 * * 0"],
    ["@hourly"],
    ["@midnight"],
    ["@every 1h30m"],
    ["  0   4 * * *"],
    ["0 0 30 2 *"],
  ])("may be %j", (schedule) => {
    expect(check({ schedule })).toEqual([]);
  });

  test.each([
    ["", "spec.schedule: Required value"],
    ["* * * *", "expected exactly 5 fields, found 4"],
    ["0 * * * * *", "expected exactly 5 fields, found 6"],
    ["60 * * * *", 'minute "60" ends above the maximum, 59'],
    ["* * 0 * *", 'day of month "0" begins below the minimum, 1'],
    ["* * * * 7", 'day of week "7" ends above the maximum, 6'],
    ["*/0 * * * *", "the step must not be 0"],
    ["5-2 * * * *", "begins after its end"],
    ["* * L * *", 'day of month "L" is not a number'],
    ["* * * * 1#2", "is not a number"],
    ["1,,2 * * * *", "is not a number"],
    ["@fortnightly", "unrecognized descriptor"],
    ["@every soon", "is not a duration"],
    ["TZ=UTC * * * * *", "use timeZone field instead"],
    ["CRON_TZ=UTC 0 0 * * *", "use timeZone field instead"],
    [`${"1,".repeat(1_000)}1 * * * *`, "must be no more than 1024 characters"],
  ])("may not be %j", (schedule, message) => {
    expect(check({ schedule }).join("\n")).toContain(message);
  });

  const from = Date.parse("2026-01-01T00:00:00Z");
  const first = (schedule: string, count: number, timeZone?: string, since = from): string[] => {
    const times = scheduledTimes(schedule, timeZone);
    const found: string[] = [];
    for (
      let at = times.after(since);
      at !== undefined && found.length < count;
      at = times.after(at)
    )
      found.push(new Date(at).toISOString().slice(0, 16));
    return found;
  };

  test("with a day of the month and of the week comes on either", () => {
    expect(first("0 0 13 * 5", 3)).toEqual([
      "2026-01-02T00:00",
      "2026-01-09T00:00",
      "2026-01-13T00:00",
    ]);
    // A star with a step restricts; one with the step 1 does not.
    expect(first("0 0 */1 * 5", 2)).toEqual(["2026-01-02T00:00", "2026-01-09T00:00"]);
  });

  test("comes once where the hour is skipped or repeated", () => {
    const march = Date.parse("2026-03-28T12:00:00Z");
    expect(first("30 2 * * *", 2, "Europe/Berlin", march)).toHaveLength(2);
    const october = Date.parse("2026-10-24T12:00:00Z");
    expect(first("30 2 * * *", 2, "Europe/Berlin", october)).toEqual([
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
  });

  test("that never comes is found out at once", () => {
    expect(first("0 0 31 4,6 *", 1)).toEqual([]);
    expect(scheduledTimes("0 0 30 2 *").lastBetween(0, from)).toBeUndefined();
  });

  test("of @every counts from the last time", () => {
    expect(first("@every 90m", 2, undefined, from + 400)).toEqual([
      "2026-01-01T01:30",
      "2026-01-01T03:00",
    ]);
    const times = scheduledTimes("@every 1m");
    expect(times.lastBetween(from, from + 150_000)).toBe(from + 120_000);
    expect(times.hasMoreThan(100, from, from + 101 * 60_000)).toBe(true);
    expect(times.hasMoreThan(100, from, from + 100 * 60_000)).toBe(false);
  });
});

describe("a CronJob", () => {
  test.each<[string, Draft, string]>([
    ["an empty time zone", { timeZone: "" }, "timeZone must be nil or non-empty string"],
    ["the local time zone", { timeZone: "Local" }, "must be an explicit time zone"],
    ["an unknown time zone", { timeZone: "Amerika/Neu_York" }, "unknown time zone"],
    ["an offset as time zone", { timeZone: "+01:00" }, "unknown time zone"],
    [
      "both kinds of time zone",
      { timeZone: "Etc/UTC", schedule: "TZ=UTC 0 0 * * *" },
      "cannot use both timeZone field and TZ or CRON_TZ in schedule",
    ],
    ["an unknown policy", { concurrencyPolicy: "Maybe" }, "spec.concurrencyPolicy"],
    ["a negative deadline", { startingDeadlineSeconds: -1 }, "spec.startingDeadlineSeconds"],
    ["a negative history", { failedJobsHistoryLimit: -1 }, "spec.failedJobsHistoryLimit"],
    [
      "a selector",
      { jobTemplate: { spec: { template, selector: { matchLabels: { a: "b" } } } } },
      "`selector` will be auto-generated",
    ],
    [
      "a manual selector",
      { jobTemplate: { spec: { template, manualSelector: true } } },
      "spec.jobTemplate.spec.manualSelector: Unsupported value",
    ],
    [
      "pods that never end",
      {
        jobTemplate: {
          spec: { template: { spec: { ...template.spec, restartPolicy: "Always" } } },
        },
      },
      "spec.jobTemplate.spec.template.spec.restartPolicy: Required value",
    ],
    [
      "pods without containers",
      { jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", containers: [] } } } } },
      "spec.jobTemplate.spec.template.spec.containers: Required value",
    ],
  ])("may not have %s", (_what, changed, message) => {
    expect(check(changed).join("\n")).toContain(message);
  });

  test("leaves room in its name for the time", () => {
    const named = (name: string) => problems(cronJobs, { metadata: { name }, spec });
    expect(named("x".repeat(52))).toEqual([]);
    expect(named("x".repeat(53)).join()).toContain("must be no more than 52 characters");
  });

  test("has upstream's defaults", () => {
    expect(completed<CronJob>(cronJobs, { spec }).spec).toMatchObject({
      concurrencyPolicy: "Allow",
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: { spec: { dnsPolicy: "ClusterFirst" } } } },
    });
  });

  test("kubectl get cronjobs -o wide", () => {
    const object = draft(cronJobs, {
      spec: { ...spec, suspend: false, timeZone: "Etc/UTC" },
      status: { active: [{ name: "tick-1" }] },
    });
    expect(cells(cronJobs, object)).toMatchObject({
      Schedule: "*/5 * * * *",
      Timezone: "Etc/UTC",
      Suspend: "False",
      Active: 1,
      "Last Schedule": "<none>",
      Containers: "app",
      Images: "tick:1",
      Selector: "<none>",
    });
  });
});
