/** The harness with a fake runtime and manual time. */
import { Harness, type HarnessOptions } from "./agent-harness.ts";
import { ManualClock } from "../../manual-clock.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { FakeRuntime } from "./fake-runtime.ts";

export interface FakeHarness {
  readonly harness: Harness;
  readonly clock: ManualClock;
  readonly runtime: FakeRuntime;
}

export async function startFakeHarness(
  options: Pick<HarnessOptions, "keepPods" | "drivers" | "hostPaths" | "tokenKeys"> = {},
): Promise<FakeHarness> {
  const clock = new ManualClock();
  let runtime: FakeRuntime | undefined;
  const harness = await Harness.start({
    ...options,
    clock,
    // The same one for every agent, as the machine stays the same.
    openRuntime: async (directory) => {
      runtime ??= new FakeRuntime(directory, clock);
      return runtime;
    },
  });
  if (runtime === undefined) throw new Error("the agent opened no runtime");
  return { harness, clock, runtime };
}

/** Ticks of real time without anything happening, after which a test takes it that nothing will. */
const QUIET_TICKS = 6;

/** Waits until all that was set off has come to rest: for asserting that something did not happen. */
export async function settle({ harness, runtime }: FakeHarness): Promise<void> {
  let quiet = 0;
  let last = "";
  while (quiet < QUIET_TICKS) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { resourceVersion } = await harness.client.list(pods, { limit: 1 });
    const now = `${resourceVersion} ${runtime.journal.length}`;
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
}

/** Time passes in steps, with everything it sets off finished after each. */
export async function pass(fake: FakeHarness, byMs: number, stepMs = byMs): Promise<void> {
  for (let left = byMs; left > 0; left -= stepMs) {
    await fake.clock.advance(Math.min(stepMs, left));
    await settle(fake);
  }
}

export const serving = (name: string, extra = {}) => ({
  name,
  image: "x",
  command: ["serve"],
  ...extra,
});
export const waitingReason = (pod: Pod, container = 0): string | undefined =>
  pod.status?.containerStatuses?.[container]?.state?.waiting?.reason;
export const isRunning = (pod: Pod): boolean =>
  pod.status?.phase === "Running" &&
  pod.status.containerStatuses?.every(({ state }) => state?.running !== undefined) === true;
