/** `quantity("1.5Gi").isGreaterThan(quantity("1G"))`, as Kubernetes' quantity library. */
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
  quantityToNumber,
  subtractQuantities,
} from "../../quantity.ts";
import { type Environment, EvaluationError } from "../library.ts";

const NANOS = 1_000_000_000n;
const TYPE = "kubernetes.Quantity";

class CelQuantity {
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }
}

function read(text: string | number): CelQuantity {
  try {
    return new CelQuantity(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError)
      throw new EvaluationError(`${JSON.stringify(String(text).slice(0, 64))} is no quantity`);
    throw error;
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

function asInteger({ quantity }: CelQuantity): bigint {
  if (quantity.nanos % NANOS !== 0n) throw new EvaluationError("cannot convert value to integer");
  return quantity.nanos / NANOS;
}

const fromInteger = (value: bigint): CelQuantity =>
  new CelQuantity({ nanos: value * NANOS, format: "DecimalSI" });

export function registerQuantity(environment: Environment): void {
  const method = (signature: string, handler: (...args: never[]) => unknown): void => {
    environment.registerFunction(`${TYPE}.${signature}`, handler, { async: false });
  };
  const compare = (a: CelQuantity, b: CelQuantity): number =>
    compareQuantities(a.quantity, b.quantity);
  environment.registerType(TYPE, { ctor: CelQuantity, fields: {} });
  for (const type of ["string", "int", "double"]) {
    // Upstream takes text only; manifests have `cpu: 1` as well.
    const handler = (value: string | number | bigint): CelQuantity =>
      read(typeof value === "bigint" ? String(value) : value);
    environment.registerFunction(`quantity(${type}): ${TYPE}`, handler, { async: false });
  }
  environment.registerFunction("isQuantity(string): bool", isQuantity, { async: false });
  environment.registerOperator(
    `${TYPE} == ${TYPE}`,
    (a: CelQuantity, b: CelQuantity) => compare(a, b) === 0,
  );
  method("isInteger(): bool", ({ quantity }: CelQuantity) => quantity.nanos % NANOS === 0n);
  method("asInteger(): int", asInteger);
  method("asApproximateFloat(): double", ({ quantity }: CelQuantity) => quantityToNumber(quantity));
  method("sign(): int", ({ quantity }: CelQuantity) =>
    quantity.nanos > 0n ? 1n : quantity.nanos < 0n ? -1n : 0n,
  );
  method(`compareTo(${TYPE}): int`, (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b)));
  method(`isGreaterThan(${TYPE}): bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0);
  method(`isLessThan(${TYPE}): bool`, (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0);
  const add = (a: CelQuantity, b: CelQuantity): CelQuantity =>
    new CelQuantity(addQuantities(a.quantity, b.quantity));
  const sub = (a: CelQuantity, b: CelQuantity): CelQuantity =>
    new CelQuantity(subtractQuantities(a.quantity, b.quantity));
  method(`add(${TYPE}): ${TYPE}`, add);
  method(`add(int): ${TYPE}`, (a: CelQuantity, b: bigint) => add(a, fromInteger(b)));
  method(`sub(${TYPE}): ${TYPE}`, sub);
  method(`sub(int): ${TYPE}`, (a: CelQuantity, b: bigint) => sub(a, fromInteger(b)));
}
