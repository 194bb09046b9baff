/** Rules of a StatefulSet (k8s.io/kubernetes/pkg/apis/apps/validation). */
import type {
  StatefulSetUpdateStrategy,
  StatefulSet as UpstreamStatefulSet,
} from "kubernetes-types/apps/v1";
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import type { Live } from "../../object.ts";
import { isZeroCount, validateShare } from "../count-or-percent.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  named,
  nonNegative,
  requiredName,
} from "../field-problems.ts";
import { validateLongRunning, validatePodTemplate } from "../pod-template.ts";
import { validateWorkloadSelector } from "../selector-rules.ts";

type StatefulSet = Live<UpstreamStatefulSet>;

const CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const { serviceName = "" } = spec ?? {};
  return [
    ...nonNegative("spec.replicas", spec?.replicas),
    ...nonNegative("spec.minReadySeconds", spec?.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec?.revisionHistoryLimit),
    ...nonNegative("spec.ordinals.start", spec?.ordinals?.start),
    ...(serviceName === "" ? [] : named("spec.serviceName", serviceName, dns1123Label)),
    ...validateUpdateStrategy(spec?.updateStrategy, "spec.updateStrategy"),
    ...validateWorkloadSelector(spec?.selector, spec?.template?.metadata?.labels, "statefulset"),
    ...validatePodTemplate(withClaimVolumes(spec)),
    ...validateLongRunning(spec?.template?.spec),
    ...validateClaimTemplates(spec?.volumeClaimTemplates ?? []),
  ];
}

/** The template as its pods have it: containers may mount the claims, which take names over. */
function withClaimVolumes(spec: StatefulSet["spec"]) {
  const { template, volumeClaimTemplates: claims = [] } = spec ?? {};
  if (template?.spec === undefined || claims.length === 0) return template;
  const names = new Set(claims.map(({ metadata }) => metadata?.name ?? ""));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  const volumes = [...names]
    .filter((name) => dns1123Label(name).length === 0)
    .map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...volumes] } };
}

function validateClaimTemplates(
  claims: NonNullable<NonNullable<StatefulSet["spec"]>["volumeClaimTemplates"]>,
): FieldError[] {
  const field = "spec.volumeClaimTemplates";
  return [
    ...claims.flatMap(({ metadata }, at) =>
      requiredName(`${field}[${at}].metadata.name`, metadata?.name, dns1123Subdomain),
    ),
    ...duplicates(
      claims,
      ({ metadata }) => metadata?.name,
      (at, name) => duplicate(`${field}[${at}].metadata.name`, name),
    ),
  ];
}

function validateUpdateStrategy(
  strategy: StatefulSetUpdateStrategy | undefined,
  field: string,
): FieldError[] {
  const { type = "RollingUpdate", rollingUpdate } = strategy ?? {};
  if (rollingUpdate === undefined) return [];
  const path = `${field}.rollingUpdate`;
  if (type === "OnDelete")
    return [invalid(path, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  const { partition, maxUnavailable } = rollingUpdate;
  const errors = nonNegative(`${path}.partition`, partition);
  if (maxUnavailable === undefined) return errors;
  errors.push(...validateShare(`${path}.maxUnavailable`, maxUnavailable));
  if (isZeroCount(maxUnavailable))
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, "cannot be 0"));
  return errors;
}

export function validateStatefulSetUpdate(next: StatefulSet, previous: StatefulSet): FieldError[] {
  const comparable: Record<string, unknown> = { ...next.spec };
  for (const name of CHANGEABLE) {
    const before = previous.spec?.[name];
    if (before === undefined) delete comparable[name];
    else comparable[name] = before;
  }
  if (deepEqual(comparable, previous.spec ?? {})) return [];
  const names = CHANGEABLE.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
  return [
    forbidden("spec", `updates to statefulset spec for fields other than ${list} are forbidden`),
  ];
}

export function validateStatefulSetStatus({ status }: StatefulSet): FieldError[] {
  if (status === undefined) return [];
  const parts = [
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
  ] as const;
  const errors = (["replicas", ...parts, "observedGeneration", "collisionCount"] as const).flatMap(
    (name) => nonNegative(`status.${name}`, status[name]),
  );
  for (const name of parts) {
    const count = status[name] ?? 0;
    if (count > status.replicas)
      errors.push(invalid(`status.${name}`, count, "cannot be greater than status.replicas"));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    const detail = "cannot be greater than status.readyReplicas";
    errors.push(invalid("status.availableReplicas", status.availableReplicas, detail));
  }
  return errors;
}
