/** All controllers of the engine, started together once their caches are filled. */
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import type { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import {
  type ControllerMetrics,
  type RunningController,
  runController,
} from "../../client/reconciler.ts";
import { createClaimProtection } from "../storage/claim-protection.ts";
import { createEphemeralClaims } from "../storage/ephemeral-claims.ts";
import { createVolumeBinder } from "../storage/volume-binder.ts";
import { createVolumeProtection } from "../storage/volume-protection.ts";
import { createClusterRoleAggregation } from "./clusterrole-aggregation.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { createCronJobController } from "./cronjob.ts";
import { createDaemonSetController } from "./daemonset.ts";
import { createDeploymentController } from "./deployment.ts";
import { createDisruptionController } from "./disruption.ts";
import { createEndpointSliceMirroringController } from "./endpoint-slice-mirroring.ts";
import { createEndpointSliceController } from "./endpoint-slice.ts";
import { createEndpointsController } from "./endpoints.ts";
import { createGarbageCollector } from "./garbage-collector.ts";
import { createHorizontalPodAutoscaler } from "./horizontalpodautoscaler.ts";
import { createJobController } from "./job.ts";
import { createNamespaceController } from "./namespace.ts";
import { createNodeLifecycleController } from "./node-lifecycle.ts";
import { createPodGarbageCollector } from "./pod-garbage-collector.ts";
import { createTaintEvictionController } from "./taint-eviction.ts";
import { createReplicaSetController } from "./replicaset.ts";
import { createReplicationController } from "./replicationcontroller.ts";
import { createRootCaPublisher } from "./root-ca-publisher.ts";
import { createServiceAccountSecrets, type SecretTokenOptions } from "./service-account-secrets.ts";
import { createServiceAccountController } from "./service-account.ts";
import { createStaleDisruptionTargetController } from "./stale-disruption-target.ts";
import { createStatefulSetController } from "./statefulset.ts";

/** Started in this order, stopped in reverse. */
const CONTROLLERS: readonly ((context: ControllerContext) => Controller)[] = [
  createServiceAccountController,
  createEndpointSliceController,
  createEndpointsController,
  createEndpointSliceMirroringController,
  createReplicaSetController,
  createReplicationController,
  createDeploymentController,
  createStatefulSetController,
  createDaemonSetController,
  createJobController,
  createCronJobController,
  createDisruptionController,
  createHorizontalPodAutoscaler,
  createStaleDisruptionTargetController,
  createEphemeralClaims,
  createVolumeBinder,
  createClaimProtection,
  createVolumeProtection,
  createNodeLifecycleController,
  createTaintEvictionController,
  createPodGarbageCollector,
  createClusterRoleAggregation,
  createNamespaceController,
  createGarbageCollector,
];

export interface ControllersOptions {
  readonly client: Client;
  /** Started here when it was not yet; stopped by its owner, after the controllers. */
  readonly informers: Informers;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: ControllerMetrics;
  /** For what pods trust and are trusted by. Absent: neither is handed out. */
  readonly serviceAccounts?: SecretTokenOptions;
  /** Stops the controllers. */
  readonly signal?: AbortSignal;
}
export interface RunningControllers {
  /** Resolves when no controller works any more. Idempotent. */
  stop(): Promise<void>;
}

/** Resolves once every controller has its caches and works. */
export async function startControllers(options: ControllersOptions): Promise<RunningControllers> {
  const {
    client,
    informers,
    clock = systemClock,
    logger = silentLogger,
    metrics,
    signal,
  } = options;
  const ending = new AbortController();
  const context = { client, informers, clock, logger, signal: ending.signal };
  const controllers = [
    ...serviceAccountControllers(context, options.serviceAccounts),
    ...CONTROLLERS.map((create) => create(context)),
  ];
  informers.start();
  await informers.synced();
  const running = controllers.map((controller) =>
    runController({ ...controller, clock, logger, ...(metrics === undefined ? {} : { metrics }) }),
  );
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopAll(running, ending);
    return stopping;
  };
  if (signal?.aborted === true) await stop();
  else signal?.addEventListener("abort", () => void stop(), { once: true });
  return { stop };
}

function serviceAccountControllers(
  context: ControllerContext,
  options: SecretTokenOptions | undefined,
): Controller[] {
  if (options === undefined) return [];
  return [
    createRootCaPublisher(context, options.ca),
    createServiceAccountSecrets(context, options),
  ];
}

async function stopAll(
  running: readonly RunningController[],
  ending: AbortController,
): Promise<void> {
  for (const controller of [...running].reverse()) await controller.stop();
  ending.abort(new Error("the controllers were stopped"));
}
