/**
 * Scales workloads by what their pods use (autoscaling/v2): looks every 15 s, decides in
 * `horizontalpodautoscaler/autoscaler-plan.ts`, and writes the target's `/scale`.
 */
import type { Scale as UpstreamScale } from "kubernetes-types/autoscaling/v1";
import { createEventRecorder } from "../../client/event-recorder.ts";
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../client/reconciler.ts";
import { formatTime, parseTime } from "../../client/timestamps.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { Resource } from "../../kube/kind.ts";
import {
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalers,
} from "../../kube/kinds/horizontalpodautoscaler.ts";
import { pods as podResource } from "../../kube/kinds/pod.ts";
import { podMetrics } from "../../kube/pod-metrics.ts";
import { matchesLabels, parseLabelSelector } from "../../kube/label-selector.ts";
import { keyOf, type Live, type KubeObject } from "../../kube/object.ts";
import { isStatus, StatusError } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import {
  type AutoscalerPlan,
  type Conditions,
  planAutoscaler,
  remember,
  set,
} from "./horizontalpodautoscaler/autoscaler-plan.ts";
import type { ScalingHistory } from "./horizontalpodautoscaler/scaling-rules.ts";

const NAME = "horizontal-pod-autoscaler";
/** Each waits for agents to measure, and they answer all of them with one measurement. */
const WORKERS = 4;
/** Upstream's `--horizontal-pod-autoscaler-sync-period`. */
const SYNC_PERIOD_MS = 15_000;
/** While pods start, until there is a first measurement. */
const STARTING_RECHECK_MS = 2_000;

type Scale = Live<UpstreamScale>;
type Status = NonNullable<HorizontalPodAutoscaler["status"]>;
interface Target {
  readonly resource: Resource;
  readonly scale: Scale;
  readonly replicas: number;
}

export function createHorizontalPodAutoscaler(context: ControllerContext): Controller {
  const { informers, clock, logger, signal } = context;
  const client = withFieldManager(context.client, NAME);
  const autoscalers = informers.of(horizontalPodAutoscalers);
  const pods = informers.of(podResource);
  const events = createEventRecorder({ client, component: NAME, clock, logger, signal });
  const queue = new WorkQueue({ clock });
  const histories = new Map<string, ScalingHistory>();

  autoscalers.onChange(({ object, previous }) => {
    // Its own writes of the status are no reason to look again.
    if (
      previous?.metadata.generation !== object.metadata.generation ||
      object.metadata.deletionTimestamp !== undefined
    )
      queue.add(keyOf(object));
  });

  async function reconcile(key: string): Promise<Result> {
    const autoscaler = autoscalers.get(key);
    const { spec } = autoscaler ?? {};
    if (autoscaler === undefined || spec === undefined) {
      histories.delete(key);
      return done;
    }
    if (autoscaler.metadata.deletionTimestamp !== undefined) return done;
    const nowMs = clock.now();
    const found = await findTarget(autoscaler);
    const known: Conditions = autoscaler.status?.conditions ?? [];
    if (found instanceof StatusError) {
      events.record(autoscaler, "Warning", "FailedGetScale", found.message);
      const conditions = set(known, nowMs, {
        type: "AbleToScale",
        status: "False",
        reason: "FailedGetScale",
        message: `the HPA controller was unable to get the target's current scale: ${found.message}`,
      });
      await write(autoscaler, { ...autoscaler.status, conditions: [...conditions] });
      return requeueAfter(SYNC_PERIOD_MS);
    }
    const { replicas: current } = found;
    const history = histories.get(key) ?? {
      // As if it had been recommended: a restart is no reason to scale down at once.
      recommendations: [{ atMs: nowMs, replicas: current }],
      events: [],
    };
    const plan = await planFor(autoscaler, found, history, known);
    histories.set(key, remember(history, spec, plan, nowMs));
    for (const { reason, message } of plan.warnings)
      events.record(autoscaler, "Warning", reason, message);
    const conditions = await act(autoscaler, found, plan, key);
    const isRescaled = plan.replicas !== undefined && plan.replicas !== current;
    await write(autoscaler, {
      ...autoscaler.status,
      currentReplicas: current,
      desiredReplicas: plan.replicas ?? autoscaler.status?.desiredReplicas ?? current,
      conditions: [...conditions],
      ...(plan.currentMetrics === undefined ? {} : { currentMetrics: [...plan.currentMetrics] }),
      ...(isRescaled ? { lastScaleTime: formatTime(nowMs) } : {}),
    });
    return requeueAfter(plan.isStarting === true ? STARTING_RECHECK_MS : SYNC_PERIOD_MS);
  }

  /** What is to be scaled; the error that says why it cannot be had. */
  async function findTarget({
    metadata,
    spec,
  }: HorizontalPodAutoscaler): Promise<Target | StatusError> {
    const { apiVersion = "", kind = "", name = "" } = spec?.scaleTargetRef ?? {};
    const { namespace = "" } = metadata;
    const resource = await client.resourceFor(apiVersion, kind);
    if (resource === undefined)
      return StatusError.of(
        "NotFound",
        `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
      );
    try {
      const scale: Scale = await client.get(
        resource,
        { namespace, name },
        { subresource: "scale" },
      );
      return { resource, scale, replicas: scale.spec?.replicas ?? 0 };
    } catch (error) {
      if (error instanceof StatusError && isStatus(error, "NotFound")) return error;
      throw error;
    }
  }

  async function planFor(
    autoscaler: HorizontalPodAutoscaler,
    { scale, replicas: currentReplicas }: Target,
    history: ScalingHistory,
    known: Conditions,
  ): Promise<AutoscalerPlan> {
    const { spec, metadata } = autoscaler;
    if (spec === undefined) throw new Error("the autoscaler has no spec");
    const nowMs = clock.now();
    const able = set(known, nowMs, {
      type: "AbleToScale",
      status: "True",
      reason: "SucceededGetScale",
      message: "the HPA controller was able to get the target's current scale",
    });
    const problem = selectionProblem(autoscaler, scale);
    if (problem !== undefined && currentReplicas > 0)
      return {
        replicas: undefined,
        reason: "",
        currentMetrics: undefined,
        recommendation: undefined,
        conditions: set(able, nowMs, { type: "ScalingActive", status: "False", ...problem }),
        warnings: [{ reason: problem.reason, message: problem.message }],
      };
    const { namespace = "" } = metadata;
    const labelSelector = scale.status?.selector ?? "";
    const selector = parseLabelSelector(labelSelector);
    const selected = pods
      .list(namespace)
      .filter((pod) => matchesLabels(selector, pod.metadata.labels));
    const metrics =
      currentReplicas === 0
        ? []
        : (await client.list(podMetrics, { namespace, labelSelector })).items;
    return planAutoscaler({
      spec,
      conditions: able,
      history,
      pods: selected,
      metrics,
      currentReplicas,
      createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
      nowMs: clock.now(),
    });
  }

  function selectionProblem(
    autoscaler: HorizontalPodAutoscaler,
    { status }: Scale,
  ): { readonly reason: string; readonly message: string } | undefined {
    if ((status?.selector ?? "") === "")
      return {
        reason: "InvalidSelector",
        message: "the HPA target's scale is missing a selector",
      };
    const reference = autoscaler.spec?.scaleTargetRef;
    const rivals = autoscalers
      .list(autoscaler.metadata.namespace ?? "")
      .filter(
        ({ spec, metadata }) =>
          metadata.deletionTimestamp === undefined && deepEqual(spec?.scaleTargetRef, reference),
      );
    if (rivals.length <= 1) return undefined;
    const names = rivals.map(({ metadata }) => metadata.name).toSorted();
    return {
      reason: "AmbiguousSelector",
      message: `pods by selector ${status?.selector ?? ""} are controlled by multiple HPAs: [${names.join(" ")}]`,
    };
  }

  /** Changes the size where the plan says so; the conditions with what came of it. */
  async function act(
    autoscaler: HorizontalPodAutoscaler,
    { resource, scale, replicas: current }: Target,
    plan: AutoscalerPlan,
    key: string,
  ): Promise<Conditions> {
    const { replicas, reason } = plan;
    if (replicas === undefined || replicas === current) return plan.conditions;
    const nowMs = clock.now();
    try {
      const next: KubeObject = { ...scale, spec: { ...scale.spec, replicas } } as Scale;
      await client.update(resource, next, { subresource: "scale" });
    } catch (error) {
      // Who came in between changed the target, which is then looked at anew.
      if (!(error instanceof StatusError) || error.reason === "Conflict") throw error;
      const message = `New size: ${replicas}; reason: ${reason}; error: ${error.message}`;
      events.record(autoscaler, "Warning", "FailedRescale", message);
      return set(plan.conditions, nowMs, {
        type: "AbleToScale",
        status: "False",
        reason: "FailedUpdateScale",
        message: `the HPA controller was unable to update the target scale: ${error.message}`,
      });
    }
    const history = histories.get(key);
    if (history !== undefined)
      histories.set(key, {
        ...history,
        events: [...history.events, { atMs: nowMs, change: replicas - current }],
      });
    events.record(
      autoscaler,
      "Normal",
      "SuccessfulRescale",
      `New size: ${replicas}; reason: ${reason}`,
    );
    return set(plan.conditions, nowMs, {
      type: "AbleToScale",
      status: "True",
      reason: "SucceededRescale",
      message: `the HPA controller was able to update the target scale to ${replicas}`,
    });
  }

  async function write(autoscaler: HorizontalPodAutoscaler, next: Status): Promise<void> {
    const { generation } = autoscaler.metadata;
    const status: Status = {
      desiredReplicas: 0,
      ...next,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    if (deepEqual(autoscaler.status, status)) return;
    try {
      await client.update(
        horizontalPodAutoscalers,
        { ...autoscaler, status },
        { subresource: "status" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  return { name: NAME, queue, workers: WORKERS, reconcile };
}
