/** What a node has, as flags and annotations say it. */
import { isQuantity } from "./quantities.ts";

/** `cpu=32,memory=256Gi`; undefined for what is no such list. */
export function parseCapacity(text: string): Readonly<Record<string, string>> | undefined {
  const resources: Record<string, string> = {};
  for (const part of text.split(",")) {
    const [name = "", amount = "", ...more] = part.trim().split("=");
    if (name === "" || more.length > 0 || !isQuantity(amount)) return undefined;
    resources[name] = amount;
  }
  return resources;
}
