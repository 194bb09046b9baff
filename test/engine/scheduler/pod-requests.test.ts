import { expect, it } from "vitest";
import { podRequests } from "../../../src/engine/scheduler/pod-requests.ts";
import { pod } from "./cluster-fixtures.ts";

const container = (name: string, cpu: string, extra = {}) => ({
  name,
  image: "x",
  resources: { requests: { cpu, memory: "1Mi" } },
  ...extra,
});
const sidecar = (name: string, cpu: string) => container(name, cpu, { restartPolicy: "Always" });
const milliCpuOf = (spec: Parameters<typeof pod>[0]): number =>
  podRequests(pod(spec)).resources.milliCpu;

it("adds up main containers", () => {
  expect(milliCpuOf({ containers: [container("a", "100m"), container("b", "0.25")] })).toBe(350);
});
it("takes the largest init container when it asks for more than all main ones", () => {
  const initContainers = [container("i", "200m"), container("j", "900m")];
  expect(milliCpuOf({ initContainers, containers: [container("a", "500m")] })).toBe(900);
});
it("adds sidecars to main containers, and to init containers after them only", () => {
  const containers = [container("a", "100m")];
  const late = [container("i", "500m"), sidecar("s", "50m")];
  const early = [sidecar("s", "50m"), container("i", "500m")];
  expect(milliCpuOf({ initContainers: late, containers })).toBe(500);
  expect(milliCpuOf({ initContainers: early, containers })).toBe(550);
  expect(milliCpuOf({ initContainers: [sidecar("s", "450m")], containers })).toBe(550);
});
it("adds the overhead of the runtime class", () => {
  expect(milliCpuOf({ containers: [container("a", "100m")], overhead: { cpu: "30m" } })).toBe(130);
});
it("counts containers without requests as small in scores, as nothing in sums", () => {
  const requests = podRequests(pod());
  expect(requests.resources.milliCpu).toBe(0);
  expect(requests.scored).toMatchObject({ milliCpu: 100, memoryBytes: 200 * 1024 * 1024 });
});
