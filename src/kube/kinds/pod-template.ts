/** What every kind with a pod template does with it: defaults, rules, warnings, columns. */
import type { PodSpec, PodTemplateSpec } from "kubernetes-types/core/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import type { PrinterColumn } from "../kind.ts";
import type { KubeObject } from "../object.ts";
import { formatSelector, textColumn } from "./columns.ts";
import { forbidden, notSupported, required } from "./field-problems.ts";
import { validateAnnotations, validateLabels } from "./metadata.ts";
import { podSpecDefaults } from "./pod-spec/defaults.ts";
import { validatePodSpec } from "./pod-spec/validate-pod-spec.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";
import type { Rewrite } from "./rewrite.ts";

export const podTemplateDefaults: readonly Rewrite[] = podSpecDefaults("spec.template.spec");

/** Rules for a pod template, except that it matches the selector. */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  field = "spec.template",
): FieldError[] {
  if (template?.spec === undefined) return [required(`${field}.spec`)];
  const { metadata, spec } = template;
  const errors = [
    ...validateLabels(metadata?.labels, `${field}.metadata.labels`),
    ...validateAnnotations(metadata?.annotations, `${field}.metadata.annotations`),
    ...validatePodSpec(spec, `${field}.spec`, { isPod: false }),
  ];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    const detail = "ephemeral containers not allowed in pod template";
    errors.push(forbidden(`${field}.spec.ephemeralContainers`, detail));
  }
  return errors;
}

/** For controllers that keep a number of pods running for ever. */
export function validateLongRunning(spec: PodSpec | undefined): FieldError[] {
  const field = "spec.template.spec";
  const errors: FieldError[] = [];
  const policy = spec?.restartPolicy;
  if (policy !== undefined && policy !== "Always") {
    errors.push(notSupported(`${field}.restartPolicy`, policy, ["Always"]));
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    const detail = "is only for pods that end; this kind restarts them";
    errors.push(forbidden(`${field}.activeDeadlineSeconds`, detail));
  }
  return errors;
}

/** For an object of a kind with a pod template, before its types are checked. */
export function podTemplateWarnings(object: { readonly spec?: unknown }): string[] {
  const template = isObject(object.spec) ? object.spec.template : undefined;
  return isObject(template) ? podSpecWarnings(template.spec, "spec.template.spec") : [];
}

interface WithTemplate extends KubeObject {
  readonly spec?: { readonly template?: PodTemplateSpec; readonly selector?: LabelSelector };
}

interface TemplateAndSelector {
  readonly template?: PodTemplateSpec;
  readonly selector?: LabelSelector;
}

/** The wide columns of workloads: container names, images, selector. `specOf` says where they are. */
export function templateColumnsOf<T extends KubeObject>(
  specOf: (object: T) => TemplateAndSelector | undefined,
): readonly PrinterColumn<T>[] {
  return [
    textColumn(
      "Containers",
      "Names of each container in the template.",
      (object: T) =>
        containersOf(specOf(object)?.template)
          .map(({ name }) => name)
          .join(","),
      1,
    ),
    textColumn(
      "Images",
      "Images referenced by each container in the template.",
      (object: T) =>
        containersOf(specOf(object)?.template)
          .map(({ image }) => image ?? "")
          .join(","),
      1,
    ),
    textColumn(
      "Selector",
      "Label selector for the pods that this object owns.",
      (object: T) => formatSelector(specOf(object)?.selector),
      1,
    ),
  ];
}

/** For kinds with template and selector in their spec. */
export const templateColumns: readonly PrinterColumn<WithTemplate>[] = templateColumnsOf(
  ({ spec }: WithTemplate) => spec,
);

function containersOf(template: PodTemplateSpec | undefined) {
  return template?.spec?.containers ?? [];
}
