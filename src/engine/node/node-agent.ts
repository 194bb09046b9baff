/**
 * The agent of one node: registers it, runs the pods that are bound to it, and answers for their
 * logs. A client of the API like any other, so that it runs in the engine's process or on another
 * machine alike.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import { createEventRecorder, type EventRecorder } from "../../client/event-recorder.ts";
import { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { configMaps } from "../../kube/kinds/configmap.ts";
import { endpointSlices } from "../../kube/kinds/endpointslice.ts";
import { pods } from "../../kube/kinds/pod.ts";
import { secrets } from "../../kube/kinds/secret.ts";
import { services } from "../../kube/kinds/service.ts";
import type { NodeConnection } from "../apiserver/node-connection.ts";
import type { RoutingBoard } from "../network/routing-board.ts";
import { nodeLogs } from "./logs/node-logs.ts";
import { inspectMachine } from "./machine.ts";
import { measureNode } from "./measure-node.ts";
import { heartbeat, registerNode } from "./node-heartbeat.ts";
import { resourcesOf } from "./node-object.ts";
import { PodWorkers } from "./pod/pod-workers.ts";
import { DataReader } from "./references.ts";
import { PodRoutes } from "./routing/pod-routes.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { podResolverReader } from "./pod-resolver-reader.ts";
import { serviceLinksReader } from "./service-links-reader.ts";
import { nodeStreams } from "./streaming/node-streams.ts";
import type { VolumeDrivers } from "../storage/volume-drivers.ts";
import type { HostPathPolicy } from "./volumes/host-path.ts";
import { NodeVolumes } from "./volumes/node-volumes.ts";

export interface NodeAgentOptions {
  readonly client: Client;
  /** Opened by the caller; closed by the agent's `stop`. */
  readonly runtime: Runtime;
  readonly board: RoutingBoard;
  readonly nodeName: string;
  /** `logs/` below it holds container logs. */
  readonly dataDir: string;
  /** The node's own address. @default 127.0.0.1 */
  readonly address?: string;
  /** Leave containers running at `stop`, to be taken over by the next agent. @default false */
  readonly keepPods?: boolean;
  /** @default 500 */
  readonly maxPods?: number;
  /** Bring the volumes of claims to pods. @default none */
  readonly drivers?: VolumeDrivers;
  /** What `hostPath` volumes may show. @default every path */
  readonly hostPaths?: HostPathPolicy;
  /** The cluster's DNS server, where `resolv.conf` can name it. @default none */
  readonly clusterNameserver?: () => string | undefined;
  /** Shared with others of the process; must be started and stopped by the caller. @default its own */
  readonly informers?: Informers;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface NodeAgent {
  /** For `ApiServer.nodes.connect`. */
  readonly connection: NodeConnection;
  /**
   * Stops everything in order: no new work, then containers (each within its grace period, at most
   * `maxGraceMs`, default 10 s) unless `keepPods`, then the runtime.
   */
  stop(maxGraceMs?: number): Promise<void>;
}

/** Upstream's 110 is for containers with networks of their own; processes cost far less. */
const DEFAULT_MAX_PODS = 500;
/** Whoever stops the agent waits for it: less than a service manager's usual patience. */
const DEFAULT_MAX_STOP_GRACE_MS = 10_000;

/** Resolves once the node is registered and pods of an earlier agent are taken over or being stopped. */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { client, runtime, board, nodeName, keepPods = false } = options;
  const { clock = systemClock, logger = silentLogger, address = "127.0.0.1" } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const own = new Informers(client, { clock, logger });
  const shared = options.informers ?? own;
  const events = createEventRecorder({
    client,
    component: "kubelet",
    host: nodeName,
    clock,
    logger,
    signal,
  });
  const machine = await inspectMachine(options.dataDir);
  const maxPods = options.maxPods ?? DEFAULT_MAX_PODS;
  const logsDirectory = resolve(join(options.dataDir, "logs", "pods"));
  // Programs write what they like into their logs: nobody else's business.
  await mkdir(logsDirectory, { recursive: true, mode: 0o700 });

  const podInformer = own.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const configMapInformer = shared.of(configMaps);
  const secretInformer = shared.of(secrets);
  const serviceInformer = shared.of(services);
  const sliceInformer = shared.of(endpointSlices);
  const data = new DataReader(configMapInformer, secretInformer);
  const volumes = await NodeVolumes.open({ ...options, informers: shared });
  const workers = new PodWorkers({
    pods: podInformer,
    configMaps: configMapInformer,
    secrets: secretInformer,
    keepPods,
    environment: {
      client,
      runtime,
      clock,
      logger,
      events,
      routes: new PodRoutes({
        services: serviceInformer,
        endpointSlices: sliceInformer,
        board,
        clock,
      }),
      volumes,
      nodeName,
      hostIP: address,
      allocatable: resourcesOf(machine, maxPods),
      logsDirectory,
      dataFor: (pod) => data.dataFor(pod),
      serviceLinksFor: serviceLinksReader(serviceInformer),
      resolverFor: podResolverReader(options.clusterNameserver ?? (() => undefined), events),
    },
  });

  own.start();
  await Promise.all([own.synced(), shared.synced()]);
  const registration = {
    client,
    clock,
    logger,
    describe: { nodeName, address, machine, maxPods, runtime },
  };
  const registered = await registerNode(registration);
  const beating = heartbeat(registration, registered, signal);
  await workers.start();

  return {
    connection: {
      ...nodeLogs({ runtime, logsDirectory, clock }),
      ...nodeStreams(runtime),
      measure: () => measureNode(runtime, clock),
    },
    stop: async (maxGraceMs = DEFAULT_MAX_STOP_GRACE_MS) => {
      await workers.stop(maxGraceMs);
      await flush(events);
      abort.abort(new Error("the node agent stops"));
      await beating;
      await own.stop();
      await runtime.close();
    },
  };
}

/** Events are worth a moment, but not a failed stop. */
async function flush(events: EventRecorder): Promise<void> {
  await Promise.race([events.flush(), new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
}
