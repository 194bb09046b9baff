/** Upstream: pkg/apis/autoscaling/validation/validation.go. */
import type {
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from "kubernetes-types/autoscaling/v2";
import type { FieldError } from "../../field-error.ts";
import {
  forbidden,
  invalid,
  isBlank,
  nonNegative,
  positive,
  required,
  requiredText,
} from "../field-problems.ts";
import { tryQuantity } from "../pod-spec/resources.ts";
import { validateLabelSelector } from "../selector-rules.ts";

/** An hour; upstream's, because recommendations are remembered for as long. */
const MAX_STABILIZATION_SECONDS = 3_600;
/** Half an hour; likewise for scale events. */
const MAX_PERIOD_SECONDS = 1_800;

const SOURCES = ["resource", "containerResource", "pods", "object", "external"] as const;
const SOURCE_OF_TYPE: Readonly<Record<string, (typeof SOURCES)[number]>> = {
  Resource: "resource",
  ContainerResource: "containerResource",
  Pods: "pods",
  Object: "object",
  External: "external",
};

export function validateAutoscaler({
  spec,
}: {
  readonly spec?: HorizontalPodAutoscalerSpec;
}): FieldError[] {
  if (spec === undefined) return [];
  const { minReplicas = 1, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas < 1)
    errors.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  errors.push(...positive("spec.maxReplicas", maxReplicas));
  if (maxReplicas >= 1 && maxReplicas < minReplicas)
    errors.push(
      invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"),
    );
  for (const field of ["kind", "name"] as const)
    errors.push(...pathSegment(`spec.scaleTargetRef.${field}`, scaleTargetRef[field]));
  for (const [index, metric] of metrics.entries())
    errors.push(...validateMetric(`spec.metrics[${index}]`, metric));
  if (behavior?.scaleUp !== undefined)
    errors.push(...validateRules("spec.behavior.scaleUp", behavior.scaleUp));
  if (behavior?.scaleDown !== undefined)
    errors.push(...validateRules("spec.behavior.scaleDown", behavior.scaleDown));
  return errors;
}

function pathSegment(field: string, value: string | undefined): FieldError[] {
  const missing = requiredText(field, value);
  if (missing.length > 0 || value === undefined) return missing;
  if (value === "." || value === ".." || value.includes("/") || value.includes("%"))
    return [
      invalid(field, value, "must be usable in a path: not '.' or '..', without '/' and '%'"),
    ];
  return [];
}

function validateMetric(path: string, metric: MetricSpec): FieldError[] {
  const wanted = SOURCE_OF_TYPE[metric.type];
  // An unknown type is the schema's to report.
  if (wanted === undefined) return isBlank(metric.type) ? [required(`${path}.type`)] : [];
  if (metric[wanted] === undefined)
    return [required(`${path}.${wanted}`, "must populate information for the given metric source")];
  const errors = SOURCES.filter((other) => other !== wanted && metric[other] !== undefined).map(
    (other) => forbidden(`${path}.${other}`, "must populate the given metric source only"),
  );
  return [...errors, ...validateSource(`${path}.${wanted}`, metric)];
}

function validateSource(path: string, metric: MetricSpec): FieldError[] {
  const { resource, containerResource, pods, object, external } = metric;
  if (resource !== undefined)
    return [
      ...requiredText(`${path}.name`, resource.name, "must specify a resource name"),
      ...validateResourceTarget(`${path}.target`, resource.target),
    ];
  if (containerResource !== undefined)
    return [
      ...requiredText(`${path}.name`, containerResource.name, "must specify a resource name"),
      ...requiredText(`${path}.container`, containerResource.container),
      ...validateResourceTarget(`${path}.target`, containerResource.target),
    ];
  if (pods !== undefined)
    return [
      ...validateIdentifier(`${path}.metric`, pods.metric),
      ...validateTarget(`${path}.target`, pods.target),
      ...(pods.target.averageValue === undefined
        ? [required(`${path}.target.averageValue`, "must specify a positive target averageValue")]
        : []),
    ];
  const source = object ?? external;
  if (source === undefined) return [];
  const errors = [
    ...validateIdentifier(`${path}.metric`, source.metric),
    ...validateTarget(`${path}.target`, source.target),
  ];
  if (object !== undefined)
    for (const field of ["kind", "name"] as const)
      errors.push(
        ...pathSegment(`${path}.describedObject.${field}`, object.describedObject[field]),
      );
  if (source.target.value === undefined && source.target.averageValue === undefined)
    errors.push(
      required(`${path}.target.averageValue`, "must set either a target value or averageValue"),
    );
  return errors;
}

function validateIdentifier(path: string, metric: MetricIdentifier): FieldError[] {
  return [
    ...pathSegment(`${path}.name`, metric.name),
    ...validateLabelSelector(metric.selector, `${path}.selector`),
  ];
}

function validateResourceTarget(path: string, target: MetricTarget): FieldError[] {
  const { averageUtilization, averageValue } = target;
  const errors = validateTarget(path, target);
  if (averageUtilization === undefined && averageValue === undefined)
    errors.push(
      required(
        `${path}.averageUtilization`,
        "must set either a target raw value or a target utilization",
      ),
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.push(
      forbidden(
        `${path}.averageValue`,
        "may not set both a target raw value and a target utilization",
      ),
    );
  return errors;
}

function validateTarget(path: string, target: MetricTarget): FieldError[] {
  const { type, averageUtilization, averageValue, value } = target;
  const errors = [
    ...(isBlank(type) ? [required(`${path}.type`, "must specify a metric target type")] : []),
    ...positive(`${path}.averageUtilization`, averageUtilization),
  ];
  for (const [name, quantity] of Object.entries({ averageValue, value }))
    if ((tryQuantity(quantity)?.nanos ?? 1n) <= 0n)
      errors.push(invalid(`${path}.${name}`, quantity, "must be positive"));
  return errors;
}

/** `tolerance` came with 1.33, after the package of types. */
type ScalingRules = HPAScalingRules & { readonly tolerance?: string };

function validateRules(path: string, rules: ScalingRules): FieldError[] {
  const { stabilizationWindowSeconds: windowSeconds, policies = [], tolerance } = rules;
  const errors = nonNegative(`${path}.stabilizationWindowSeconds`, windowSeconds);
  if ((windowSeconds ?? 0) > MAX_STABILIZATION_SECONDS)
    errors.push(
      invalid(
        `${path}.stabilizationWindowSeconds`,
        windowSeconds,
        `must be less than or equal to ${MAX_STABILIZATION_SECONDS}`,
      ),
    );
  if ((tryQuantity(tolerance)?.nanos ?? 0n) < 0n)
    errors.push(invalid(`${path}.tolerance`, tolerance, "must be greater than or equal to 0"));
  if (policies.length === 0)
    errors.push(required(`${path}.policies`, "must specify at least one Policy"));
  for (const [index, { value, periodSeconds }] of policies.entries()) {
    const at = `${path}.policies[${index}]`;
    errors.push(
      ...positive(`${at}.value`, value),
      ...positive(`${at}.periodSeconds`, periodSeconds),
    );
    if (periodSeconds > MAX_PERIOD_SECONDS)
      errors.push(
        invalid(
          `${at}.periodSeconds`,
          periodSeconds,
          `must be less than or equal to ${MAX_PERIOD_SECONDS}`,
        ),
      );
  }
  return errors;
}
