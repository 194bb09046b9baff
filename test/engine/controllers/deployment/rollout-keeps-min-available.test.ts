import fc from "fast-check";
import { expect, test } from "vitest";
import { boundsOf } from "../../../../src/engine/controllers/deployment/bounds.ts";
import { deployment } from "../sample-objects.ts";
import { RolloutSimulation } from "./rollout-simulation.ts";

const step = fc.record({
  do: fc.constantFrom("reconcile", "syncSet", "observeSet", "becomeReady", "newImage"),
  index: fc.nat(1_000),
});

test("whatever the order of events, available pods never fall below what the Deployment promises", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.nat(4),
      fc.nat(4),
      fc.array(step, { minLength: 20, maxLength: 200 }),
      (replicas, maxSurge, maxUnavailable, steps) => {
        const simulation = new RolloutSimulation(
          deployment({ replicas, maxSurge, maxUnavailable }),
        );
        simulation.settle();
        const bounds = boundsOf(simulation.deployment);
        simulation.changeImage("v2");
        for (const { do: action, index } of steps) {
          if (action === "newImage") {
            // Rare, and to one of few images, so that rollbacks and third versions both occur.
            if (index % 10 === 0) simulation.changeImage(`v${index % 3}`);
          } else simulation[action](index);
          expect(simulation.available).toBeGreaterThanOrEqual(replicas - bounds.maxUnavailable);
          const sizes = simulation.sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
          expect(sizes).toBeLessThanOrEqual(replicas + bounds.maxSurge);
        }
        const image = simulation.deployment.spec?.template?.spec?.containers[0]?.image ?? "";
        simulation.settle();
        expect(simulation.sizes).toEqual({ [image]: replicas });
        expect(simulation.condition("Progressing")).toBe("True NewReplicaSetAvailable");
      },
    ),
    { numRuns: 300 },
  );
});

test("a version that never becomes ready stops at the bounds and the old one keeps serving", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.nat(5),
      fc.nat(5),
      (replicas, maxSurge, maxUnavailable) => {
        const simulation = new RolloutSimulation(
          deployment({ replicas, maxSurge, maxUnavailable }),
        );
        simulation.settle();
        const bounds = boundsOf(simulation.deployment);
        simulation.changeImage("bad");
        simulation.settle(false);
        expect(simulation.available).toBe(replicas - bounds.maxUnavailable);
        expect(simulation.total).toBe(
          Math.min(replicas + bounds.maxSurge, 2 * replicas - bounds.maxUnavailable),
        );
        // Back to the first version: what is broken goes, what serves stays.
        simulation.changeImage("v1");
        simulation.settle();
        expect(simulation.sizes).toEqual({ v1: replicas });
      },
    ),
    { numRuns: 100 },
  );
});
