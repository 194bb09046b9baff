/**
 * Defaults of a pod spec that depend on other fields
 * (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go). Plain ones are in the schema.
 */
import { isObject, type UnknownObject } from "../../json-object.ts";
import { canonicalQuantity, QuantityError } from "../../quantity.ts";
import type { Change, Rewrite } from "../rewrite.ts";
import { withDefaults } from "../rewrite.ts";

const CONTAINER_LISTS = ["containers", "initContainers", "ephemeralContainers"];

/** What holds for pods and for pod templates; `specPath` leads to the pod spec. */
export function podSpecDefaults(specPath: string): Rewrite[] {
  const containers = CONTAINER_LISTS.map((list) => `${specPath}.${list}.*`);
  return [
    [specPath, mirrorServiceAccount],
    ...containers.flatMap((path): Rewrite[] => [
      [path, defaultPullPolicy],
      [`${path}.resources.limits`, canonicalQuantities],
      [`${path}.resources.requests`, canonicalQuantities],
    ]),
    [`${specPath}.overhead`, canonicalQuantities],
    [`${specPath}.volumes.*`, defaultVolumeSource],
    [`${specPath}.volumes.*.emptyDir`, canonicalSizeLimit],
  ];
}

/** What holds for pods alone. */
export function podDefaults(): Rewrite[] {
  const containers = ["spec.containers.*", "spec.initContainers.*"];
  return [
    ["spec", (spec) => withDefaults(spec, { serviceAccountName: "default" })],
    ...podSpecDefaults("spec"),
    ...containers.map((path): Rewrite => [`${path}.resources`, requestWhatIsLimited]),
    ["spec", defaultHostPorts],
    ["spec", tolerateBrieflyLostNodes],
  ];
}

/** `Always` for `latest` or no tag, so that a moving tag is looked up again. */
const defaultPullPolicy: Change = (container) =>
  typeof container.image === "string"
    ? withDefaults(container, { imagePullPolicy: pullPolicyOf(container.image) })
    : container;

function pullPolicyOf(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const lastPart = image.slice(image.lastIndexOf("/") + 1);
  const colon = lastPart.indexOf(":");
  return colon < 0 || lastPart.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
}

/** `serviceAccount` is the deprecated name of `serviceAccountName`; both are served. */
const mirrorServiceAccount: Change = (spec) => {
  const name = spec.serviceAccountName ?? spec.serviceAccount;
  if (name === undefined || name === null || name === "") return spec;
  if (spec.serviceAccountName === name && spec.serviceAccount === name) return spec;
  return { ...spec, serviceAccountName: name, serviceAccount: name };
};

const defaultVolumeSource: Change = (volume) =>
  Object.keys(volume).some((key) => key !== "name") ? volume : { ...volume, emptyDir: {} };

/** A limit without a request requests the limit. */
const requestWhatIsLimited: Change = (resources) => {
  if (!isObject(resources.limits)) return resources;
  const requests = isObject(resources.requests) ? resources.requests : {};
  const completed = withDefaults(requests, resources.limits);
  return completed === requests ? resources : { ...resources, requests: completed };
};

/** With the host's network a container port is the host's port. */
const defaultHostPorts: Change = (spec) => {
  if (spec.hostNetwork !== true) return spec;
  const next: Record<string, unknown> = { ...spec };
  for (const list of ["containers", "initContainers"]) {
    const containers = spec[list];
    if (Array.isArray(containers)) next[list] = containers.map(withHostPorts);
  }
  return next;
};

function withHostPorts(container: unknown): unknown {
  if (!isObject(container) || !Array.isArray(container.ports)) return container;
  const ports = container.ports.map((port: unknown) =>
    isObject(port) && typeof port.containerPort === "number"
      ? withDefaults(port, { hostPort: port.containerPort })
      : port,
  );
  return { ...container, ports };
}

/** How long a pod stays bound to a node that is lost: 5 min, as upstream's admission sets it. */
const LOST_NODE_TOLERATION_SECONDS = 300;
const LOST_NODE_TAINTS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

const tolerateBrieflyLostNodes: Change = (spec) => {
  const given = spec.tolerations ?? [];
  if (!Array.isArray(given)) return spec;
  const tolerations: unknown[] = given;
  const missing = LOST_NODE_TAINTS.filter(
    (taint) => !tolerations.some((toleration) => toleratesEviction(toleration, taint)),
  );
  if (missing.length === 0) return spec;
  const added = missing.map((key) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: LOST_NODE_TOLERATION_SECONDS,
  }));
  return { ...spec, tolerations: [...tolerations, ...added] };
};

function toleratesEviction(toleration: unknown, taint: string): boolean {
  if (!isObject(toleration)) return false;
  const { key, effect } = toleration;
  const anyKey = key === undefined || key === "";
  const anyEffect = effect === undefined || effect === "";
  return (anyKey || key === taint) && (anyEffect || effect === "NoExecute");
}

/** `1024Mi` becomes `1Gi`; what is no quantity stays for validation to report. */
const canonicalQuantities: Change = (amounts) => {
  const entries = Object.entries(amounts).map(
    ([name, amount]) => [name, canonical(amount)] as const,
  );
  return entries.every(([name, amount]) => amount === amounts[name])
    ? amounts
    : Object.fromEntries(entries);
};

const canonicalSizeLimit: Change = (emptyDir: UnknownObject) => {
  const sizeLimit = canonical(emptyDir.sizeLimit);
  return sizeLimit === emptyDir.sizeLimit ? emptyDir : { ...emptyDir, sizeLimit };
};

function canonical(amount: unknown): unknown {
  if (typeof amount !== "string" && typeof amount !== "number") return amount;
  try {
    return canonicalQuantity(amount);
  } catch (error) {
    if (error instanceof QuantityError) return amount;
    throw error;
  }
}
