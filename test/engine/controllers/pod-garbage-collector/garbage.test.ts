import { expect, test } from "vitest";
import {
  missingNodes,
  surplusTerminated,
  unscheduledTerminating,
} from "../../../../src/engine/controllers/pod-garbage-collector/garbage.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";

function pod(name: string, status: Pod["status"], created = 0, nodeName = "n"): Pod {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + created * 1_000).toISOString();
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", creationTimestamp },
    spec: { nodeName, containers: [] },
    ...(status === undefined ? {} : { status }),
  };
}
const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);

test("of finished pods beyond the threshold the oldest go, evicted ones first", () => {
  const pods = [
    pod("young", { phase: "Succeeded" }, 30),
    pod("old", { phase: "Failed" }, 10),
    pod("evicted", { phase: "Failed", reason: "Evicted" }, 40),
    pod("running", { phase: "Running" }, 0),
    pod("older", { phase: "Succeeded" }, 5),
  ];
  expect(names(surplusTerminated(pods, 4))).toEqual([]);
  expect(names(surplusTerminated(pods, 3))).toEqual(["evicted"]);
  expect(names(surplusTerminated(pods, 1))).toEqual(["evicted", "older", "old"]);
});

test("pods that never had a node are nobody's", () => {
  const going = (name: string, nodeName: string): Pod => {
    const made = pod(name, {}, 0, nodeName);
    return { ...made, metadata: { ...made.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  };
  const pods = [going("a", ""), going("b", "n"), pod("c", {}, 0, "")];
  expect(names(unscheduledTerminating(pods))).toEqual(["a"]);
  expect(missingNodes(pods, () => undefined)).toEqual(new Set(["n"]));
});
