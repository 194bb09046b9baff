/** Rules of a PersistentVolumeClaim (pkg/apis/core/validation upstream), also of claim templates. */
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaim as UpstreamPersistentVolumeClaim,
} from "kubernetes-types/core/v1";
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { dns1123Subdomain } from "../../names.ts";
import type { Live } from "../../object.ts";
import { compareQuantities } from "../../quantity.ts";
import { forbidden, immutable, invalid, isBlank, named, required } from "../field-problems.ts";
import { tryQuantity, validateAmount } from "../pod-spec/resources.ts";
import { validateLabelSelector } from "../selector-rules.ts";
import { validateAccessModes } from "./access-modes.ts";
import { validateDataSource } from "./data-source.ts";
import { validatePositiveAmount } from "./positive-amount.ts";

type Claim = Live<UpstreamPersistentVolumeClaim>;

export function validateClaim(
  spec: PersistentVolumeClaimSpec | undefined,
  field: string,
): FieldError[] {
  if (spec === undefined) return [required(field)];
  const { storageClassName, volumeAttributesClassName, dataSource, dataSourceRef } = spec;
  const errors = validateAccessModes(
    `${field}.accessModes`,
    spec.accessModes,
    "at least 1 access mode is required",
  );
  if (spec.selector !== undefined)
    errors.push(...validateLabelSelector(spec.selector, `${field}.selector`));
  const size = spec.resources?.requests?.["storage"];
  const path = `${field}.resources[storage]`;
  errors.push(...(size === undefined ? [required(path)] : validatePositiveAmount(path, size)));
  if (!isBlank(storageClassName))
    errors.push(...named(`${field}.storageClassName`, storageClassName, dns1123Subdomain));
  if (!isBlank(volumeAttributesClassName))
    errors.push(
      ...named(`${field}.volumeAttributesClassName`, volumeAttributesClassName, dns1123Subdomain),
    );
  if (dataSource !== undefined)
    errors.push(...validateDataSource(dataSource, `${field}.dataSource`));
  if (dataSourceRef !== undefined)
    errors.push(...validateDataSource(dataSourceRef, `${field}.dataSourceRef`));
  if (dataSource !== undefined && dataSourceRef !== undefined && !sameSource(spec))
    errors.push(invalid(field, dataSource, "must match dataSourceRef"));
  return errors;
}

function sameSource({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec): boolean {
  const of = (source: { apiGroup?: string; kind: string; name: string } | undefined) => [
    source?.apiGroup ?? "",
    source?.kind,
    source?.name,
  ];
  return dataSourceRef?.namespace === undefined && deepEqual(of(dataSource), of(dataSourceRef));
}

/**
 * Final, except: a volume may be bound; a bound claim may ask for another size, never for one that
 * its volume already exceeds; a claim that names no class may be given one.
 */
export function validateClaimUpdate(next: Claim, previous: Claim): FieldError[] {
  const [before, after] = [previous.spec ?? {}, next.spec ?? {}];
  const isBound = next.status?.phase === "Bound";
  const comparable: PersistentVolumeClaimSpec = { ...after };
  if (isBlank(before.volumeName)) restore(comparable, "volumeName", before.volumeName);
  if (before.storageClassName === undefined && !isBound)
    restore(comparable, "storageClassName", before.storageClassName);
  restore(comparable, "volumeAttributesClassName", before.volumeAttributesClassName);
  if (isBound && after.resources?.requests !== undefined)
    comparable.resources = {
      ...after.resources,
      requests: {
        ...after.resources.requests,
        ...(before.resources?.requests?.["storage"] === undefined
          ? {}
          : { storage: before.resources.requests["storage"] }),
      },
    };
  const errors: FieldError[] = [];
  if (!deepEqual(comparable, before)) {
    const detail =
      "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    errors.push(forbidden("spec", detail));
  }
  errors.push(...immutable("spec.volumeMode", after.volumeMode, before.volumeMode));
  return [...errors, ...validateShrinking(next, previous)];
}

function restore<K extends keyof PersistentVolumeClaimSpec>(
  spec: PersistentVolumeClaimSpec,
  name: K,
  value: PersistentVolumeClaimSpec[K] | undefined,
): void {
  if (value === undefined) delete spec[name];
  else spec[name] = value;
}

/** A growth that failed can be taken back as far as the volume never became that large. */
function validateShrinking(next: Claim, previous: Claim): FieldError[] {
  const wanted = tryQuantity(next.spec?.resources?.requests?.["storage"]);
  const before = tryQuantity(previous.spec?.resources?.requests?.["storage"]);
  const actual = tryQuantity(previous.status?.capacity?.["storage"]);
  if (wanted === undefined || before === undefined) return [];
  if (compareQuantities(wanted, before) >= 0) return [];
  return actual !== undefined && compareQuantities(wanted, actual) > 0
    ? []
    : [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")];
}

export function validateClaimStatusUpdate({ status }: Claim): FieldError[] {
  return (["capacity", "allocatedResources"] as const).flatMap((name) =>
    Object.entries(status?.[name] ?? {}).flatMap(([resource, amount]) =>
      validateAmount(`status.${name}[${resource}]`, amount),
    ),
  );
}
