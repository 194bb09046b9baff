/**
 * Keeps the numbers of PodDisruptionBudgets. Evictions take from them in between
 * (`apiserver/subresources/eviction.ts`): both write against a resourceVersion, so neither undoes
 * what the other has done.
 */
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { deployments } from "../../kube/kinds/deployment.ts";
import { type Pod, pods as podResource } from "../../kube/kinds/pod.ts";
import {
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  podDisruptionBudgets,
} from "../../kube/kinds/poddisruptionbudget.ts";
import { replicaSets } from "../../kube/kinds/replicaset.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { failedBudget, needsScale, planBudget } from "./disruption/budget-status.ts";
import { scaleOfControllers, UnknownScaleError } from "./disruption/controller-scale.ts";
import { selects } from "./ownership/owner-selector.ts";

const NAME = "disruption-controller";
/** Budgets are few, and each looks at its own pods only. */
const WORKERS = 4;
/** A controller whose scale is unknown may come to have one: custom kinds are not watched. */
const UNKNOWN_SCALE_RECHECK_MS = 30_000;

export function createDisruptionController(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const budgets = informers.of(podDisruptionBudgets);
  const pods = informers.of(podResource);
  const sources = {
    client,
    replicaSets: informers.of(replicaSets),
    deployments: informers.of(deployments),
  };
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });

  budgets.onChange(({ object }) => queue.add(keyOf(object)));
  pods.onChange(({ object, previous }) => {
    for (const budget of budgets.list(object.metadata.namespace ?? ""))
      if (covers(budget, object) || (previous !== undefined && covers(budget, previous)))
        queue.add(keyOf(budget));
  });
  // Bounds in percent follow the size that is wanted, before any pod has come or gone.
  for (const workloads of [sources.replicaSets, sources.deployments])
    workloads.onChange(({ object, previous }) => {
      if (object.spec?.replicas === previous?.spec?.replicas) return;
      for (const budget of budgets.list(object.metadata.namespace ?? ""))
        if (
          needsScale(budget) &&
          covers(budget, { metadata: object.spec?.template?.metadata ?? {} })
        )
          queue.add(keyOf(budget));
    });

  async function reconcile(key: string): Promise<Result> {
    const budget = budgets.get(key);
    if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return done;
    const selected = pods
      .list(budget.metadata.namespace ?? "")
      .filter((pod) => covers(budget, pod));
    if (selected.length === 0) events.record(budget, "Normal", "NoPods", "No matching pods found");
    let scale = 0;
    try {
      if (needsScale(budget)) scale = await scaleOfControllers(sources, selected);
    } catch (error) {
      if (!(error instanceof UnknownScaleError)) throw error;
      const message = `Failed to calculate the number of expected pods: ${error.message}`;
      events.record(budget, "Warning", "CalculateExpectedPodCountFailed", message);
      await write(budget, failedBudget(budget, error.message, clock.now()));
      return requeueAfter(UNKNOWN_SCALE_RECHECK_MS);
    }
    const plan = planBudget({ budget, pods: selected, scale, nowMs: clock.now() });
    for (const pod of plan.notDeleted)
      events.record(
        pod,
        "Warning",
        "NotDeleted",
        `Pod was expected by PDB ${key} to be deleted but it wasn't`,
      );
    await write(budget, plan.status);
    return plan.recheckInMs === undefined ? done : requeueAfter(plan.recheckInMs);
  }

  /** Throws a conflict when an eviction came in between: then the newer budget is looked at. */
  async function write(
    budget: PodDisruptionBudget,
    status: PodDisruptionBudgetStatus,
  ): Promise<void> {
    if (deepEqual(budget.status, status)) return;
    try {
      await client.update(podDisruptionBudgets, { ...budget, status }, { subresource: "status" });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}

function covers(
  { spec }: PodDisruptionBudget,
  { metadata }: { readonly metadata: Pick<Pod["metadata"], "labels"> },
): boolean {
  return selects(spec?.selector, metadata.labels);
}
