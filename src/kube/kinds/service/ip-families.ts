/** Rules for the addresses and address families of a Service (`ValidateServiceClusterIPsRelatedFields`). */
import type { ServiceSpec } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily } from "../../ip-address.ts";
import { duplicate, duplicates, forbidden, invalid, isBlank } from "../field-problems.ts";
import { needsClusterIP, type Service } from "./service-object.ts";

export const HEADLESS = "None";
/** One of each family. */
const MAX_ADDRESSES = 2;

export function validateIPFamilies(spec: ServiceSpec): FieldError[] {
  const { clusterIP, clusterIPs = [], ipFamilies = [] } = spec;
  const errors = duplicates(
    ipFamilies,
    (family) => family,
    (index, family) => duplicate(`spec.ipFamilies[${index}]`, family),
  );
  if (isBlank(clusterIP) && clusterIPs.length > 0) {
    const detail = "must be empty when `clusterIP` is not specified";
    errors.push(invalid("spec.clusterIPs", clusterIPs, detail));
  } else if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP) {
    errors.push(invalid("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`"));
  }
  const malformed = validateAddressForms(clusterIPs);
  if (clusterIPs.length > MAX_ADDRESSES) {
    malformed.push(invalid("spec.clusterIPs", clusterIPs, "may only hold up to 2 values"));
  }
  // What follows would only repeat what is wrong with the addresses themselves.
  if (malformed.length > 0) return [...errors, ...malformed];
  return [...errors, ...validateFamilies(clusterIPs, ipFamilies)];
}

function validateAddressForms(clusterIPs: readonly string[]): FieldError[] {
  if (clusterIPs[0] === HEADLESS) {
    const detail = "'None' must be the first and only value";
    return clusterIPs.length > 1 ? [invalid("spec.clusterIPs", clusterIPs, detail)] : [];
  }
  return clusterIPs.flatMap((address, index) =>
    ipFamily(address) === undefined
      ? [invalid(`spec.clusterIPs[${index}]`, address, "must be a valid IP address")]
      : [],
  );
}

function validateFamilies(
  clusterIPs: readonly string[],
  ipFamilies: readonly string[],
): FieldError[] {
  const families = clusterIPs.map((address) => ipFamily(address));
  const errors: FieldError[] = [];
  if (families.length > 1 && new Set(families).size < families.length) {
    const detail = "may specify no more than one IP for each IP family";
    errors.push(invalid("spec.clusterIPs", clusterIPs, detail));
  }
  for (const [index, family] of families.entries()) {
    const wanted = ipFamilies[index];
    if (wanted === undefined || family === undefined || family === wanted) continue;
    const detail = `expected an ${wanted} value as indicated by \`ipFamilies[${index}]\``;
    errors.push(invalid(`spec.clusterIPs[${index}]`, clusterIPs[index], detail));
  }
  return errors;
}

/** A Service that only stands for a name has none of all this. */
export function validateNoIPFamilies(spec: ServiceSpec): FieldError[] {
  const detail = "may not be set when `type` is 'ExternalName'";
  const fields = {
    "spec.clusterIP": !isBlank(spec.clusterIP),
    "spec.clusterIPs": isBlank(spec.clusterIP) && (spec.clusterIPs ?? []).length > 0,
    "spec.ipFamilies": (spec.ipFamilies ?? []).length > 0,
    "spec.ipFamilyPolicy": spec.ipFamilyPolicy !== undefined,
  };
  return Object.entries(fields).flatMap(([field, isSet]) =>
    isSet ? [forbidden(field, detail)] : [],
  );
}

/** Addresses and families are held until the type that needs them changes. */
export function validateIPFamilyUpdate(next: Service, previous: Service): FieldError[] {
  const [now, before] = [next.spec, previous.spec];
  if (now === undefined || before === undefined) return [];
  if (!needsClusterIP(now.type) || !needsClusterIP(before.type)) return [];
  const errors: FieldError[] = [];
  if (!isBlank(before.clusterIP) && now.clusterIP !== before.clusterIP) {
    errors.push(invalid("spec.clusterIPs[0]", now.clusterIP, "may not change once set"));
  }
  const isHeadless = now.clusterIP === HEADLESS;
  const [family, former] = [now.ipFamilies?.[0], before.ipFamilies?.[0]];
  if (!isHeadless && errors.length === 0 && former !== undefined && family !== former) {
    errors.push(invalid("spec.ipFamilies[0]", now.ipFamilies, "may not change once set"));
  }
  return errors;
}
