/** The parts that the operations of the API server work with. Made once by `createApiServer`. */
import type { Clock } from "../../client/clock.ts";
import type { Store } from "../store/store.ts";
import type { AdmissionChain } from "./admission/admission.ts";
import type { AuditSink } from "./audit.ts";
import type { Authorizer } from "./authorizer.ts";
import type { NodeConnections } from "./node-connections.ts";
import type { UsageReader } from "./metrics/usage-reader.ts";
import type { RoleGraph } from "./rbac/role-graph.ts";
import type { KindRegistry } from "./registry.ts";
import type { ServiceAccountTokens } from "./service-accounts/service-account-tokens.ts";
import type { WatchHubs } from "./watch/watch-hubs.ts";

export interface Backend {
  readonly store: Store;
  readonly clock: Clock;
  /** Yields [0, 1): generated names, address allocation, watch time limits. */
  readonly random: () => number;
  readonly newUid: () => string;
  readonly registry: KindRegistry;
  readonly authorizer: Authorizer;
  readonly roles: RoleGraph;
  readonly admission: AdmissionChain;
  readonly audit: AuditSink;
  readonly hubs: WatchHubs;
  readonly nodes: NodeConnections;
  readonly usage: UsageReader;
  /** Absent: no tokens for service accounts. */
  readonly serviceAccountTokens?: ServiceAccountTokens;
}
