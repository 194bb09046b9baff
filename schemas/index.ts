/** Every definition file, generated and hand-kept: what `src/kube/schema/definitions.ts` looks in. */
import alert from "./gantry/alert.json" with { type: "json" };
import application from "./gantry/application.json" with { type: "json" };
import applicationSet from "./gantry/applicationset.json" with { type: "json" };
import healthCheck from "./gantry/healthcheck.json" with { type: "json" };
import policy from "./gantry/policy.json" with { type: "json" };
import project from "./gantry/project.json" with { type: "json" };
import provider from "./gantry/provider.json" with { type: "json" };
import receiver from "./gantry/receiver.json" with { type: "json" };
import gateway from "./gateway/gateway.json" with { type: "json" };
import gatewayClass from "./gateway/gatewayclass.json" with { type: "json" };
import grpcRoute from "./gateway/grpcroute.json" with { type: "json" };
import httpRoute from "./gateway/httproute.json" with { type: "json" };
import referenceGrant from "./gateway/referencegrant.json" with { type: "json" };
import gatewayReferences from "./gateway/references.json" with { type: "json" };
import { shapes } from "./kubernetes/index.ts";
import volumeSnapshot from "./snapshot/volumesnapshot.json" with { type: "json" };
import volumeSnapshotClass from "./snapshot/volumesnapshotclass.json" with { type: "json" };
import volumeSnapshotContent from "./snapshot/volumesnapshotcontent.json" with { type: "json" };

/** File name → definition name (`io.k8s.api.apps.v1.Deployment`) → schema. */
export const definitionFiles: Readonly<Record<string, object>> = {
  ...shapes,
  "gantry.dev.v1": {
    ...application,
    ...applicationSet,
    ...provider,
    ...alert,
    ...receiver,
    ...project,
    ...policy,
    ...healthCheck,
  },
  "snapshot.storage.k8s.io.v1": {
    ...volumeSnapshot,
    ...volumeSnapshotContent,
    ...volumeSnapshotClass,
  },
  "gateway.networking.v1": {
    ...gatewayReferences,
    ...gatewayClass,
    ...gateway,
    ...httpRoute,
    ...grpcRoute,
    ...referenceGrant,
  },
};

/** File name → loader of definition name → field → description. */
export { descriptions as descriptionFiles } from "./descriptions/index.ts";
