/** DaemonSets: rules, defaults, columns. */
import { describe, expect, test } from "vitest";
import { type DaemonSet, daemonSets } from "../../../src/kube/kinds/daemonset.ts";
import { cells, completed, type Draft, draft, problems } from "./checked.ts";

const labels = { app: "log" };
const template = {
  metadata: { labels },
  spec: { nodeSelector: { zone: "b", arch: "x" }, containers: [{ name: "app", image: "log:1" }] },
};
const spec = { selector: { matchLabels: labels }, template };
const check = (changed: Draft) =>
  problems<DaemonSet>(daemonSets, { spec: { ...spec, ...changed } });
const rolling = (rollingUpdate: object) => ({
  updateStrategy: { type: "RollingUpdate", rollingUpdate },
});

describe("a DaemonSet", () => {
  test("may surge instead of taking pods away, or update on deletion", () => {
    expect(check({})).toEqual([]);
    expect(check(rolling({ maxUnavailable: 0, maxSurge: "10%" }))).toEqual([]);
    expect(check({ updateStrategy: { type: "OnDelete" } })).toEqual([]);
  });

  test.each<[string, Draft, string]>([
    ["no step at all", rolling({ maxUnavailable: "0%" }), "cannot be 0 when maxSurge is 0"],
    ["both steps", rolling({ maxSurge: 1 }), "may not be set when maxUnavailable is non-zero"],
    ["more than all", rolling({ maxUnavailable: "150%" }), "must not be greater than 100%"],
    ["an unknown strategy", { updateStrategy: { type: "Recreate" } }, "spec.updateStrategy.type"],
    ["an empty selector", { selector: {} }, "empty selector is invalid for daemonset"],
    ["a negative history", { revisionHistoryLimit: -1 }, "spec.revisionHistoryLimit"],
    ["negative seconds", { minReadySeconds: -1 }, "spec.minReadySeconds"],
    [
      "pods that end",
      { template: { ...template, spec: { ...template.spec, restartPolicy: "OnFailure" } } },
      "spec.template.spec.restartPolicy: Unsupported value",
    ],
  ])("may not have %s", (_what, changed, message) => {
    expect(check(changed).join("\n")).toContain(message);
  });

  test("has upstream's defaults", () => {
    expect(completed<DaemonSet>(daemonSets, { spec }).spec).toMatchObject({
      revisionHistoryLimit: 10,
      updateStrategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      },
    });
  });

  test("kubectl get daemonsets -o wide", () => {
    const object = draft(daemonSets, {
      spec,
      status: { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1 },
    });
    expect(cells(daemonSets, object)).toMatchObject({
      Desired: 3,
      Current: 2,
      Ready: 1,
      "Up-to-date": 0,
      Available: 0,
      "Node Selector": "arch=x,zone=b",
      Containers: "app",
      Images: "log:1",
      Selector: "app=log",
    });
  });
});
