/** Rules for compute resources: names, amounts, and requests within limits. */
import type { ResourceRequirements } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { qualifiedName } from "../../names.ts";
import {
  canonicalQuantity,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
} from "../../quantity.ts";
import { invalid, named, required } from "../field-problems.ts";

const STANDARD_CONTAINER_RESOURCES = ["cpu", "memory", "ephemeral-storage"];
const NANOS = 1_000_000_000n;

type Amounts = Readonly<Record<string, string>>;

/** The amount, or undefined for what is no quantity. */
export function tryQuantity(text: unknown): Quantity | undefined {
  if (typeof text !== "string" && typeof text !== "number") return undefined;
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

/** A quantity that is not negative. What is no quantity at all, the schema reports. */
export function validateAmount(field: string, text: string | number): FieldError[] {
  const quantity = tryQuantity(text);
  return quantity !== undefined && quantity.nanos < 0n
    ? [invalid(field, text, "must be greater than or equal to 0")]
    : [];
}

export function validateResources(resources: ResourceRequirements, field: string): FieldError[] {
  const limits = resources.limits ?? {};
  const requests = resources.requests ?? {};
  return [
    ...validateAmounts(limits, `${field}.limits`),
    ...validateAmounts(requests, `${field}.requests`),
    ...validateWithinLimits(requests, limits, field),
  ];
}

function validateAmounts(amounts: Amounts, field: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const path = `${field}[${name}]`;
    const errors = [...validateResourceName(path, name), ...validateAmount(path, amount)];
    const quantity = tryQuantity(amount);
    if (quantity !== undefined && !isOvercommittable(name) && quantity.nanos % NANOS !== 0n) {
      errors.push(invalid(path, amount, "must be an integer"));
    }
    return errors;
  });
}

function validateResourceName(field: string, name: string): FieldError[] {
  const errors = named(field, name, qualifiedName);
  if (errors.length > 0 || name.includes("/") || isStandard(name)) return errors;
  const detail = `must be a standard resource for containers (${STANDARD_CONTAINER_RESOURCES.join(", ")}, hugepages-<size>) or have a domain`;
  return [invalid(field, name, detail)];
}

function validateWithinLimits(requests: Amounts, limits: Amounts, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(requests)) {
    const request = tryQuantity(amount);
    const limitText = limits[name];
    const limit = tryQuantity(limitText);
    const path = `${field}.requests`;
    if (limit === undefined) {
      if (limitText === undefined && !isOvercommittable(name)) {
        const detail = `limit must be set for the non overcommittable resource ${name}`;
        errors.push(required(`${field}.limits`, detail));
      }
      continue;
    }
    if (request === undefined) continue;
    const order = compareQuantities(request, limit);
    const shown = canonicalQuantity(limitText ?? "0");
    if (order !== 0 && !isOvercommittable(name)) {
      errors.push(invalid(path, amount, `must be equal to ${name} limit of ${shown}`));
    } else if (order > 0) {
      errors.push(invalid(path, amount, `must be less than or equal to ${name} limit of ${shown}`));
    }
  }
  return errors;
}

function isStandard(name: string): boolean {
  return STANDARD_CONTAINER_RESOURCES.includes(name) || name.startsWith("hugepages-");
}

/** Huge pages and extended resources are whole and cannot be promised twice. */
function isOvercommittable(name: string): boolean {
  return STANDARD_CONTAINER_RESOURCES.includes(name);
}
