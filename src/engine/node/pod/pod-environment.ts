/** What pod workers share: the node they run on and the ways to act. */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { EventRecorder } from "../../../client/event-recorder.ts";
import type { Logger } from "../../../client/logger.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { ReferencedData } from "../env/missing-reference.ts";
import type { PodRoutes } from "../routing/pod-routes.ts";
import type { Runtime, SandboxDns } from "../runtime/runtime.ts";
import type { NodeVolumes } from "../volumes/node-volumes.ts";

export interface PodEnvironment {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly routes: PodRoutes;
  readonly volumes: NodeVolumes;
  readonly nodeName: string;
  readonly hostIP: string;
  readonly allocatable: Readonly<Record<string, string>>;
  /** Absolute: below it, one directory per pod. */
  readonly logsDirectory: string;
  /** ConfigMaps and Secrets of the pod's namespace, as last seen. */
  readonly dataFor: (pod: Pod) => ReferencedData;
  readonly serviceLinksFor: (pod: Pod) => ReadonlyMap<string, string>;
  /** What the pod's `resolv.conf` says. @default that of the machine */
  readonly resolverFor?: (pod: Pod) => Promise<SandboxDns | undefined>;
}
