import type { Deployment } from "../../../src/kube/kinds/deployment.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import type { ReplicaSet } from "../../../src/kube/kinds/replicaset.ts";

export const NOW_MS = Date.UTC(2026, 0, 1);

export interface DeploymentSample {
  readonly replicas?: number;
  readonly maxSurge?: number | string;
  readonly maxUnavailable?: number | string;
  readonly image?: string;
  readonly strategy?: "Recreate" | "RollingUpdate";
  readonly paused?: boolean;
  readonly annotations?: Record<string, string>;
  readonly spec?: Partial<NonNullable<Deployment["spec"]>>;
}

/** A Deployment as the API stores it. */
export function deployment(sample: DeploymentSample = {}): Deployment {
  const { replicas = 10, maxSurge = "25%", maxUnavailable = "25%", image = "v1" } = sample;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      namespace: "a",
      name: "web",
      uid: "uid-web",
      generation: 1,
      ...(sample.annotations === undefined ? {} : { annotations: sample.annotations }),
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      strategy:
        sample.strategy === "Recreate"
          ? { type: "Recreate" }
          : { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
      template: template(image),
      ...(sample.paused === true ? { paused: true } : {}),
      ...sample.spec,
    },
  };
}

function template(image: string, labels: Record<string, string> = {}) {
  return {
    metadata: { labels: { app: "web", ...labels } },
    spec: { containers: [{ name: "app", image }] },
  };
}

export interface SetSample {
  readonly image?: string;
  readonly size: number;
  readonly available?: number;
  readonly ready?: number;
  readonly replicas?: number;
  readonly revision?: number;
  readonly desired?: number;
  readonly max?: number;
  /** Minutes before {@link NOW_MS}. */
  readonly age?: number;
}

/** A ReplicaSet of {@link deployment}, all of its pods there. */
export function replicaSet(name: string, sample: SetSample): ReplicaSet {
  const {
    image = name,
    size,
    available = 0,
    replicas = size,
    revision,
    desired,
    max,
    age = 0,
  } = sample;
  const annotations: Record<string, string> = {};
  if (revision !== undefined) annotations["deployment.kubernetes.io/revision"] = String(revision);
  if (desired !== undefined)
    annotations["deployment.kubernetes.io/desired-replicas"] = String(desired);
  if (max !== undefined) annotations["deployment.kubernetes.io/max-replicas"] = String(max);
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      namespace: "a",
      name: `web-${name}`,
      uid: `uid-${name}`,
      generation: 1,
      creationTimestamp: new Date(NOW_MS - age * 60_000).toISOString(),
      annotations,
      labels: { app: "web", "pod-template-hash": name },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          name: "web",
          uid: "uid-web",
          controller: true,
        },
      ],
    },
    spec: {
      replicas: size,
      selector: { matchLabels: { app: "web", "pod-template-hash": name } },
      template: template(image, { "pod-template-hash": name }),
    },
    status: {
      replicas,
      readyReplicas: sample.ready ?? available,
      availableReplicas: available,
      observedGeneration: 1,
    },
  };
}

export interface PodSample {
  readonly phase?: string;
  readonly node?: string;
  /** Seconds since it became ready; absent: not ready. */
  readonly readyFor?: number;
  readonly createdBefore?: number;
  readonly restarts?: number;
  readonly cost?: string;
  readonly routed?: boolean;
  readonly deleting?: boolean;
  readonly labels?: Record<string, string>;
  readonly owner?: string;
}

export function pod(name: string, sample: PodSample = {}): Pod {
  const {
    phase = "Running",
    node = "n1",
    readyFor,
    createdBefore = 100,
    restarts = 0,
    owner,
  } = sample;
  const at = (secondsAgo: number): string => new Date(NOW_MS - secondsAgo * 1_000).toISOString();
  const routed = sample.routed;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "a",
      name,
      uid: `uid-${name}`,
      labels: sample.labels ?? { app: "web" },
      creationTimestamp: at(createdBefore),
      ...(sample.deleting === true ? { deletionTimestamp: at(0) } : {}),
      ...(sample.cost === undefined
        ? {}
        : { annotations: { "controller.kubernetes.io/pod-deletion-cost": sample.cost } }),
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: "apps/v1",
                kind: "ReplicaSet",
                name: owner,
                uid: `uid-${owner}`,
                controller: true,
              },
            ],
          }),
    },
    spec: {
      containers: [{ name: "app", image: "v1" }],
      ...(node === "" ? {} : { nodeName: node }),
    },
    status: {
      phase,
      conditions: [
        readyFor === undefined
          ? { type: "Ready", status: "False" }
          : { type: "Ready", status: "True", lastTransitionTime: at(readyFor) },
        ...(routed === undefined
          ? []
          : [{ type: "gantry.dev/Routed", status: routed ? "True" : "False" }]),
      ],
      containerStatuses: [
        {
          name: "app",
          image: "v1",
          imageID: "",
          ready: readyFor !== undefined,
          restartCount: restarts,
        },
      ],
    },
  };
}
