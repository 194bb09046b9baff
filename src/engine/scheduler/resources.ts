/** Amounts of resources as plain numbers: the scheduler compares them thousands of times a second. */
import { parseQuantity, quantityToMilli, quantityToNumber } from "../../kube/quantity.ts";

export interface Resources {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  /** Everything else by name, `pods` excepted. */
  readonly others: Readonly<Record<string, number>>;
}
export const NOTHING: Resources = { milliCpu: 0, memoryBytes: 0, others: {} };

/** From `requests`, `allocatable` and the like. */
export function parseResources(quantities: Readonly<Record<string, string>> = {}): Resources {
  let { milliCpu, memoryBytes } = NOTHING;
  const others: Record<string, number> = {};
  for (const [name, text] of Object.entries(quantities)) {
    const quantity = parseQuantity(text);
    if (name === "cpu") milliCpu = Number(quantityToMilli(quantity));
    else if (name === "memory") memoryBytes = quantityToNumber(quantity);
    else if (name !== "pods") others[name] = quantityToNumber(quantity);
  }
  return { milliCpu, memoryBytes, others };
}

export function addResources(a: Resources, b: Resources, sign: 1 | -1 = 1): Resources {
  return combine(a, b, (x, y) => x + sign * y);
}
export function maxResources(a: Resources, b: Resources): Resources {
  return combine(a, b, Math.max);
}

function combine(a: Resources, b: Resources, by: (x: number, y: number) => number): Resources {
  let others = a.others;
  const names = Object.keys(b.others);
  if (names.length > 0) {
    const sums: Record<string, number> = { ...a.others };
    for (const name of names) sums[name] = by(sums[name] ?? 0, b.others[name] ?? 0);
    others = sums;
  }
  return {
    milliCpu: by(a.milliCpu, b.milliCpu),
    memoryBytes: by(a.memoryBytes, b.memoryBytes),
    others,
  };
}
